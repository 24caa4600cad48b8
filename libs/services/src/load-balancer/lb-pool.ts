import { makeLbRange, type Pool } from '../pool/pool.js';
import { parseLabelSelector, type LabelMatcher } from '../selectors/label-selector.js';

/** An LB pool, as events and the definition of its log hold it. */
export interface LbPool {
  /** RFC 1123 label; unique over the pools of all clusters and the shared ones. */
  readonly name: string;
  /** Canonical texts of CIDRs and ranges, in the order in which they are used. */
  readonly addresses: readonly string[];
  /** The ones of `addresses` from which nothing new is taken. */
  readonly draining: readonly LbRangeDrain[];
  /** Whether a Service gets addresses of it without asking for the pool or an address by name. */
  readonly autoAssign: boolean;
  /** The lowest number is used first; of equal ones, the name that comes first. */
  readonly priority: number;
  /** Namespaces that may use it; empty = all. */
  readonly namespaces: readonly string[];
  /** Label selector that Services have to match, in the syntax of `kubectl -l`; null = all. */
  readonly selector: string | null;
  /** Of each range, from the lowest address on: left for requests by address while others are free. */
  readonly staticBandAddresses: number;
  /** How long a released address is kept for the Service that had it; 0 = not at all. */
  readonly coolDownSeconds: number;
  /** RFC 3339, milliseconds. */
  readonly createdAt: string;
  /** Of a shared pool: the clusters it serves. Missing when the pool belongs to the cluster of its log. */
  readonly clusters?: readonly string[] | 'all';
}

export interface LbRangeDrain {
  readonly range: string;
  /** RFC 3339, milliseconds. */
  readonly since: string;
  /** Addresses held then. */
  readonly held: number;
}

/** An LB pool made ready for choosing. */
export interface CompiledLbPool {
  readonly pool: LbPool;
  readonly ranges: readonly Pool[];
  readonly selects: LabelMatcher;
}

export const compileLbPool = (pool: LbPool): CompiledLbPool => ({
  pool,
  ranges: pool.addresses.map((text) => makeLbRange(pool.name, text, pool.draining.some(({ range }) => range === text) ? 'draining' : 'open', pool)),
  selects: matcherOf(pool),
});

const matcherOf = ({ name, selector }: LbPool): LabelMatcher => {
  if (selector === null) return () => true;
  const parsed = parseLabelSelector(selector);
  if ('failure' in parsed) throw new Error(`LB pool ${name} has the selector ${JSON.stringify(selector)}, which is none: ${parsed.failure}`);
  return parsed.matches;
};

/** In the order in which they are used. */
export const inOrder = (pools: readonly CompiledLbPool[]): CompiledLbPool[] =>
  pools.toSorted(({ pool: a }, { pool: b }) => a.priority - b.priority || (a.name < b.name ? -1 : 1));
