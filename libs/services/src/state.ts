import type { Address, Family } from '@ipledger/ip';
import { AddressSet } from '@ipledger/ip';
import { compileDefinition, type ClusterConfig, type ClusterDefinition, type NodePortRange } from './cluster/definition.js';
import { bandOf, poolOf, type Band, type Pool } from './pool/pool.js';
import type { ClusterFamilies } from './service/ip-families.js';

/** How many addresses are claimed in each band of a pool. */
export interface BandUse {
  static: number;
  dynamic: number;
}

/** The key of a Service in memory. `/` cannot stand in either part. */
export const serviceKey = (namespace: string, name: string): string => `${namespace}/${name}`;

/**
 * A cluster as decisions see it: its definition, what is taken, and which Services exist at which revision. A cache of the
 * log that can be dropped at any time. Mutable on purpose (a million Services are not copied for every command); only
 * `evolve` and loading change it.
 */
export class ClusterState {
  revision = 0;
  /** Claimed addresses by value. They belong to the cluster, not to a pool: ranges may change around them. */
  readonly taken: Record<Family, AddressSet> = { IPv4: new AddressSet(), IPv6: new AddressSet() };
  /** Node and health check ports: number -> key of the Service that holds it. */
  readonly ports = new Map<number, string>();
  readonly portNumbers = new AddressSet();
  /** Key -> revision of the Service's last event. */
  readonly services = new Map<string, number>();

  private config: ClusterConfig | null = null;
  private byFamily: Record<Family, readonly Pool[]> = { IPv4: [], IPv6: [] };
  private use = new Map<string, BandUse>();

  get definition(): ClusterDefinition | null {
    return this.config?.definition ?? null;
  }
  get pools(): readonly Pool[] {
    return this.config?.pools ?? [];
  }
  /** @throws when the cluster is not registered: no Service command may come that far */
  get families(): ClusterFamilies {
    return this.registered().families;
  }
  get nodePorts(): NodePortRange {
    return this.registered().nodePorts;
  }
  poolsOf(family: Family): readonly Pool[] {
    return this.byFamily[family];
  }
  useOf(pool: Pool): BandUse {
    return this.use.get(pool.name) ?? { static: 0, dynamic: 0 };
  }

  define(definition: ClusterDefinition | null): void {
    this.config = definition === null ? null : compileDefinition(definition);
    const pools = this.pools;
    this.byFamily = { IPv4: pools.filter(({ family }) => family === 'IPv4'), IPv6: pools.filter(({ family }) => family === 'IPv6') };
    this.use = new Map(pools.map((pool) => [pool.name, this.countUse(pool)]));
  }

  take(address: Address): void {
    if (this.taken[address.family].add(address.value)) this.count(address, 1);
  }
  free(address: Address): void {
    if (this.taken[address.family].delete(address.value)) this.count(address, -1);
  }
  takePort(port: number, holder: string): void {
    this.ports.set(port, holder);
    this.portNumbers.add(BigInt(port));
  }
  freePort(port: number): void {
    this.ports.delete(port);
    this.portNumbers.delete(BigInt(port));
  }

  private registered(): ClusterConfig {
    if (this.config === null) throw new Error('the cluster is not registered');
    return this.config;
  }
  private countUse(pool: Pool): BandUse {
    const within = (band: Pool['staticBand']): number =>
      band.count === 0n ? 0 : this.taken[pool.family].countWithin(band.first, band.last);
    return { static: within(pool.staticBand), dynamic: within(pool.dynamicBand) };
  }
  private count(address: Address, by: 1 | -1): void {
    const pool = poolOf(this.byFamily[address.family], address);
    const band: Band | null = pool === undefined ? null : bandOf(pool, address.value);
    const use = pool && this.use.get(pool.name);
    if (use !== undefined && band !== null) use[band] += by;
  }
}
