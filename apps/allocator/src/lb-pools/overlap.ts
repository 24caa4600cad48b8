import { parseRange, type LbPool } from '@ipledger/services';
import { ProblemError, rejectionProblem } from '../problem.js';
import type { LocatedPool } from './locate.js';

/** An LB pool as it is to be. */
export interface WantedPool extends Pick<LbPool, 'name' | 'addresses'> {
  /** null = shared. */
  cluster: string | null;
  clusters?: LbPool['clusters'];
}

/**
 * Two Services of one cluster must never get one address. Within a log its ranges see to that; between the pools of different logs that
 * serve a common cluster nobody but who sees all of them can. Pools that have no cluster in common may overlap, as clusters may.
 * @param pools all there are, while no other one is made or changed
 * @throws ProblemError
 */
export const refuseOverlap = (wanted: WantedPool, pools: readonly LocatedPool[]): void => {
  const others = pools.filter((one) => one.pool.name !== wanted.name && one.cluster !== (wanted.cluster ?? undefined) && meet(wanted, { cluster: one.cluster, clusters: one.pool.clusters }));
  const ranges = others.flatMap(({ pool }) => pool.addresses.map((text) => ({ text, pool, range: parseRange(text) })));
  const problems = wanted.addresses.flatMap((value, i) => {
    const range = parseRange(value);
    const other = ranges.find((one) => range !== undefined && one.range?.family === range.family && one.range.first <= range.last && range.first <= one.range.last);
    return other === undefined ? []
      : [{ field: `addresses[${i}]`, value, why: `overlaps ${other.text} of the LB pool ${other.pool.name}, which serves a cluster that this one serves too; two of its Services could get one address` }];
  });
  if (problems.length > 0) throw new ProblemError(rejectionProblem({ code: 'lb_pool_invalid', problems }));
};

interface Served {
  cluster: string | null;
  clusters?: LbPool['clusters'] | undefined;
}

const meet = (a: Served, b: Served): boolean => {
  const [one, other] = [servedBy(a), servedBy(b)];
  return one === 'all' || other === 'all' || one.some((cluster) => other.includes(cluster));
};

const servedBy = ({ cluster, clusters = [] }: Served): readonly string[] | 'all' => (cluster === null ? clusters : [cluster]);
