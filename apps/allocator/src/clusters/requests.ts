import { randomUUID } from 'node:crypto';
import { invalidRequest, problem, ProblemError, wholeNumberIn } from '@ipledger/runtime';
import type { FastifyRequest } from 'fastify';
import { idempotencyKeyProblem } from '../request-context.js';
import { newSeed } from '../writer/random.js';

export { invalidRequest };

/** JSON Schemas of the bodies of `/v1/clusters`. They state shape; what is allowed is decided by the domain, once. */
const cidrList = { type: 'array', items: { type: 'string', maxLength: 64 }, minItems: 1, maxItems: 64 } as const;

export const registerBody = {
  type: 'object',
  required: ['name', 'serviceCIDRs'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', maxLength: 253, description: 'RFC 1123 label' },
    serviceCIDRs: { ...cidrList, description: 'The first one says which family is primary' },
    apiServerService: { type: 'boolean', default: true, description: 'Make default/kubernetes on the first address, as an API server does' },
    nodePortRange: { type: 'string', maxLength: 32, default: '30000-32767' },
  },
} as const;

export const declareBody = {
  type: 'object', required: ['serviceCIDRs'], additionalProperties: false, properties: { serviceCIDRs: cidrList },
} as const;

export const cidrBody = {
  type: 'object', required: ['cidr'], additionalProperties: false, properties: { cidr: { type: 'string', maxLength: 64 } },
} as const;

export interface RegisterBody {
  name: string;
  serviceCIDRs: string[];
  apiServerService?: boolean;
  nodePortRange?: string;
}

/** What the edge adds to every cluster command. */
export const clusterOrderBasis = (name: string, dryRun: boolean) => ({ name, dryRun, time: new Date(), seed: newSeed(), newUid: randomUUID() });

/** `?dryRun=All`, or nothing. Also refuses an unusable Idempotency-Key. */
export const isDryRun = (request: FastifyRequest): boolean => {
  const keyProblem = idempotencyKeyProblem(request);
  if (keyProblem !== undefined) throw new ProblemError(problem('invalid_request', keyProblem));
  const value = (request.query as Record<string, unknown>)['dryRun'];
  if (value === undefined) return false;
  if (value !== 'All') throw invalidRequest('dryRun', value, 'is not known; leave it out, or say dryRun=All');
  return true;
};

export const wholeNumber = (request: FastifyRequest, name: string, bounds: { min: number; max: number; otherwise: number }): number =>
  wholeNumberIn(request.query, name, bounds);
