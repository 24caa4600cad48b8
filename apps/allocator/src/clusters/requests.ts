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
    defaultLoadBalancer: { type: 'boolean', default: false, description: 'Services of type LoadBalancer without a class get their addresses from LB pools' },
  },
} as const;

export const declareBody = {
  type: 'object', required: ['serviceCIDRs'], additionalProperties: false, properties: { serviceCIDRs: cidrList },
} as const;

export const cidrBody = {
  type: 'object', required: ['cidr'], additionalProperties: false, properties: { cidr: { type: 'string', maxLength: 64 } },
} as const;

export const poolSettingsBody = {
  type: 'object', additionalProperties: false,
  properties: {
    staticBandAddresses: { type: ['integer', 'null'], minimum: 0, description: 'Addresses from the lowest on that dynamic requests leave for static ones while they can; null = as Kubernetes has it' },
    coolDownSeconds: { type: ['integer', 'null'], minimum: 0, maximum: 604_800, description: 'How long a released address is not handed out; null or 0 = not at all, as Kubernetes has it' },
  },
} as const;
export const reservationBody = {
  type: 'object', required: ['reason', 'owner'], additionalProperties: false,
  properties: {
    name: { type: 'string', maxLength: 63, description: 'RFC 1123 label; made up when it is missing' },
    addresses: { type: 'string', maxLength: 96, description: 'One address, FIRST-LAST, or a CIDR; all of it in one pool' },
    family: { enum: ['IPv4', 'IPv6'], description: 'Instead of addresses: any free one' },
    reason: { type: 'string', maxLength: 256 },
    owner: { type: 'string', maxLength: 256 },
    until: { type: 'string', maxLength: 64, description: 'RFC 3339; it ends by itself then' },
    seconds: { type: 'integer', minimum: 1, maximum: 315_360_000, description: 'Instead of until: from now on' },
  },
} as const;
export const confirmBody = {
  type: 'object', required: ['namespace', 'service'], additionalProperties: false,
  properties: {
    namespace: { type: 'string', minLength: 1, maxLength: 63 },
    service: { type: 'object', description: 'The Service as it would be posted to the Kubernetes API' },
  },
} as const;

const ranges = { type: 'array', items: { type: 'string', maxLength: 64 } } as const;
export const networkBody = {
  type: 'object', additionalProperties: false,
  properties: {
    podCIDRs: { ...ranges, maxItems: 2, description: 'One of a family at most, in the order of --cluster-cidr' },
    nodeCIDRs: { ...ranges, maxItems: 64 },
    nodeMaskSizes: {
      type: 'object', additionalProperties: false, description: 'Prefix length of what a node gets of a Pod range',
      properties: { IPv4: { type: 'integer', default: 24 }, IPv6: { type: 'integer', default: 64 } },
    },
  },
} as const;
export interface NetworkBody {
  podCIDRs?: string[];
  nodeCIDRs?: string[];
  nodeMaskSizes?: { IPv4?: number; IPv6?: number };
}

export interface ReservationBody {
  name?: string;
  addresses?: string;
  family?: 'IPv4' | 'IPv6';
  reason: string;
  owner: string;
  until?: string;
  seconds?: number;
}

export interface RegisterBody {
  name: string;
  serviceCIDRs: string[];
  apiServerService?: boolean;
  nodePortRange?: string;
  defaultLoadBalancer?: boolean;
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
