import type { StoredLbMember } from '@ipledger/event-store';
import { formatAddress, type Family } from '@ipledger/ip';
import { poolFigures, type PoolUsage } from '@ipledger/observability';
import { compileLbPool, type LbPool } from '@ipledger/services';
import type { LocatedPool } from './locate.js';

/** A range of an LB pool. Counts are those of the present. */
interface LbRangeView {
  range: string;
  family: Family;
  state: 'open' | 'draining';
  staticBand: { from: string; to: string } | null;
  capacity: number;
  /** Decimal digits: the number above is rounded past 2^53. */
  capacityExact: string;
  allocated: { static: number; dynamic: number };
  reserved: number;
  coolingDown: number;
  available: number;
  drain?: { since: string; heldThen: number; heldNow: number; done: boolean };
}

/** An LB pool as `/v1/lb-pools` shows it. */
export type LbPoolView = Omit<LbPool, 'draining' | 'clusters'> & { cluster?: string; clusters?: LbPool['clusters']; revision: number; ranges: LbRangeView[] };

export const lbPoolView = ({ pool, cluster, head }: LocatedPool, usages: readonly PoolUsage[]): LbPoolView => {
  const { draining: _, clusters, ...settings } = pool;
  const ranges = compileLbPool(pool).ranges.flatMap((range): LbRangeView[] => {
    const usage = usages.find((one) => one.pool === range.name);
    if (usage === undefined) return [];
    const { capacity, reserved, coolingDown, available } = poolFigures(usage);
    const drain = pool.draining.find((one) => one.range === range.name);
    const heldNow = usage.static.allocated + usage.dynamic.allocated;
    const [from, to] = [range.staticBand.first, range.staticBand.last].map((value) => formatAddress({ family: range.family, value }));
    return [{
      range: range.name, family: range.family, state: range.state, staticBand: range.staticBand.count === 0n ? null : { from: from ?? '', to: to ?? '' },
      capacity: Number(capacity), capacityExact: String(capacity), allocated: { static: usage.static.allocated, dynamic: usage.dynamic.allocated },
      reserved: Number(reserved), coolingDown: Number(coolingDown), available: Number(available.static + available.dynamic),
      ...(drain !== undefined && { drain: { since: drain.since, heldThen: drain.held, heldNow, done: heldNow === 0 } }),
    }];
  });
  return { ...settings, ...(cluster !== null && { cluster }), ...(clusters !== undefined && { clusters }), revision: head.revision, ranges };
};

/** A Service that has an address of an LB pool. */
export const memberView = ({ address, cluster, namespace, name, uid, sharingKey, ports, revision }: StoredLbMember): object =>
  ({ address, ...(cluster !== '' && { cluster }), namespace, name, uid, sharingKey, ...(sharingKey !== null && { ports }), revision });
