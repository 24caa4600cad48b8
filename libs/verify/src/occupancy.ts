import { parseAddress } from '@ipledger/ip';
import { compileDefinition, poolOf, type ClusterDefinition } from '@ipledger/services';

/** Counts held addresses that lie in no range, and ranges in which every address is held: a state of the cluster, nothing wrong in its tables. */
export class Occupancy {
  outOfRange = 0;
  private readonly pools;
  private readonly left;

  constructor(definition: ClusterDefinition | null) {
    const { pools = [], lbRanges = [] } = definition === null ? {} : compileDefinition(definition);
    this.pools = [...pools, ...lbRanges];
    this.left = new Map(this.pools.map((pool) => [pool, pool.usable.count]));
  }

  take(text: string): void {
    const address = parseAddress(text);
    const pool = address && poolOf(this.pools, address);
    if (pool === undefined) this.outOfRange++;
    else this.left.set(pool, (this.left.get(pool) ?? 0n) - 1n);
  }

  get full(): number {
    return [...this.left.values()].filter((count) => count <= 0n).length;
  }
}
