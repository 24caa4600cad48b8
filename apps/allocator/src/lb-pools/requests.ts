import type { LbPoolSettings } from '@ipledger/services';
import { invalidRequest } from '../clusters/requests.js';

const names = { type: 'array', items: { type: 'string', maxLength: 253 }, maxItems: 256 } as const;
/** JSON Schemas of the bodies of `/v1/lb-pools`. They state shape; what is allowed is decided by the domain, once. */
const settings = {
  addresses: { type: 'array', items: { type: 'string', maxLength: 96 }, minItems: 1, maxItems: 16, description: 'CIDRs, ranges FIRST-LAST, or addresses, in the order in which they are used; all of their addresses are handed out' },
  autoAssign: { type: 'boolean', default: true, description: 'Whether Services get addresses of it without asking for the pool or an address by name' },
  priority: { type: 'integer', minimum: 0, default: 100, description: 'The lowest is used first; of equal ones, the first name' },
  namespaces: { ...names, description: 'Namespaces that may use it; empty = all' },
  selector: { type: ['string', 'null'], maxLength: 1024, description: 'Label selector that Services have to match, such as tier=front,env in (prod); null = all' },
  staticBandAddresses: { type: 'integer', minimum: 0, default: 0, description: 'Of each range, from the lowest on: left for requests by address while others are free' },
  coolDownSeconds: { type: 'integer', minimum: 0, maximum: 604_800, default: 0, description: 'How long a released address is kept for the Service that had it' },
} as const;
const clusters = { oneOf: [{ ...names, minItems: 1 }, { const: 'all' }], description: 'Makes a shared pool: the clusters that it serves' } as const;

export const makeBody = {
  type: 'object', required: ['name', 'addresses'], additionalProperties: false,
  properties: {
    name: { type: 'string', maxLength: 63, description: 'RFC 1123 label; unique over the pools of all clusters and shared ones' },
    cluster: { type: 'string', maxLength: 63, description: 'The cluster whose pool it is; either this or clusters' }, clusters, ...settings,
  },
} as const;
export const changeBody = { type: 'object', required: ['addresses'], additionalProperties: false, properties: { clusters, ...settings } } as const;
export const drainBody = { type: 'object', additionalProperties: false, properties: { range: { type: 'string', maxLength: 96, description: 'One of its addresses; all of them when it is missing' } } } as const;
export const loadBalancingBody = {
  type: 'object', required: ['defaultLoadBalancer'], additionalProperties: false,
  properties: { defaultLoadBalancer: { type: 'boolean', description: 'Services of type LoadBalancer without a class get their addresses here' } },
} as const;

export interface ChangeBody extends Partial<Omit<LbPoolSettings, 'addresses'>> {
  addresses: string[];
}
export interface MakeBody extends ChangeBody {
  name: string;
  cluster?: string;
}

/** What is not said is as by default. */
export const settingsIn = ({ addresses, autoAssign = true, priority = 100, namespaces = [], selector = null, staticBandAddresses = 0, coolDownSeconds = 0, clusters: shared }: ChangeBody): LbPoolSettings =>
  ({ addresses, autoAssign, priority, namespaces, selector, staticBandAddresses, coolDownSeconds, ...(shared !== undefined && { clusters: shared }) });

/** Either a cluster or several. */
export const requireOwner = ({ cluster, clusters: shared }: MakeBody): void => {
  if (cluster === undefined && shared === undefined) throw invalidRequest('cluster', null, 'is needed, or clusters: a pool belongs to one cluster, or serves several ("clusters": ["a", "b"], or "all")');
  if (cluster !== undefined && shared !== undefined) throw invalidRequest('cluster', cluster, 'cannot stand beside clusters: a pool belongs to one cluster, or serves several; leave one of the two out');
};
