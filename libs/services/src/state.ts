import type { Address, Family } from '@ipledger/ip';
import { AddressSet } from '@ipledger/ip';
import { compileDefinition, type ClusterConfig, type ClusterDefinition, type NodePortRange } from './cluster/definition.js';
import { Attachments } from './load-balancer/attachments.js';
import { LbHoldings } from './load-balancer/holdings.js';
import type { CompiledLbPool } from './load-balancer/lb-pool.js';
import type { Taken } from './pool/choose.js';
import { HeldBack, type Cooling, type ReservedRange } from './pool/held-back.js';
import { bandOf, poolOf, type AddressRange, type Band, type Pool } from './pool/pool.js';
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
  /** Who has which addresses of the LB pools of this log. Each of them is in `taken` too. */
  readonly lb = new LbHoldings();
  /** What Services of this cluster have of shared LB pools. */
  readonly attachments = new Attachments();

  private config: ClusterConfig | null = null;
  /** Service CIDRs. */
  private byFamily: Record<Family, readonly Pool[]> = { IPv4: [], IPv6: [] };
  /** Those first, then the ranges of LB pools. */
  private allByFamily: Record<Family, readonly Pool[]> = { IPv4: [], IPv6: [] };
  private use = new Map<string, BandUse>();
  private heldBack: HeldBack | undefined;

  get definition(): ClusterDefinition | null {
    return this.config?.definition ?? null;
  }
  /** The Service CIDRs: what cluster IPs come from. */
  get pools(): readonly Pool[] {
    return this.config?.pools ?? [];
  }
  /** In the order in which they are used. */
  get lbPools(): readonly CompiledLbPool[] {
    return this.config?.lbPools ?? [];
  }
  get lbRanges(): readonly Pool[] {
    return this.config?.lbRanges ?? [];
  }
  /** The pool that an address lies in, Service CIDR or range of an LB pool. */
  poolOf(address: Address): Pool | undefined {
    return poolOf(this.allByFamily[address.family], address);
  }
  /** @throws when the cluster is not registered: no Service command may come that far */
  get families(): ClusterFamilies {
    return this.registered().families;
  }
  get nodePorts(): NodePortRange {
    return this.registered().nodePorts;
  }
  /** The Service CIDRs of a family. */
  poolsOf(family: Family): readonly Pool[] {
    return this.byFamily[family];
  }
  useOf(pool: Pool): BandUse {
    return this.use.get(pool.name) ?? { static: 0, dynamic: 0 };
  }

  define(definition: ClusterDefinition | null): void {
    this.config = definition === null ? null : compileDefinition(definition);
    const all = [...this.pools, ...this.lbRanges];
    this.byFamily = byFamily(this.pools);
    this.allByFamily = byFamily(all);
    this.use = new Map(all.map((pool) => [pool.name, this.countUse(pool)]));
    this.heldBack?.rebuild();
  }

  take(address: Address): void {
    if (this.taken[address.family].add(address.value)) this.count(address, 1);
    this.heldBack?.refresh(address);
  }
  free(address: Address): void {
    if (this.taken[address.family].delete(address.value)) this.count(address, -1);
    this.heldBack?.refresh(address);
  }

  /** What a dynamic request cannot have: claimed, reserved, or cooling down as of the last `advanceTo`. */
  unavailable(family: Family): Taken {
    return this.heldBack?.unavailable(family) ?? this.taken[family];
  }
  get reservations(): ReadonlyMap<string, ReservedRange> {
    return this.heldBack?.reservations ?? new Map<string, ReservedRange>();
  }
  reservationOf(address: Address): ReservedRange | undefined {
    return this.heldBack?.reservationOf(address);
  }
  /** Who had an address that cools down; undefined when it is claimed, or can be had. */
  coolingOf(address: Address): Cooling | undefined {
    return this.heldBack?.coolingOf(address);
  }
  /** Addresses of LB pools that cool down after a holder, which may have them back before others. */
  coolingAfter(holder: string): readonly Address[] {
    return this.heldBack?.coolingAfter(holder) ?? [];
  }
  /** How many addresses of a band are free but reserved, or free but for their cool-down. */
  heldBackIn(pool: Pool, band: AddressRange): { reserved: bigint; coolingDown: bigint } {
    return this.heldBack?.within(pool.family, band) ?? { reserved: 0n, coolingDown: 0n };
  }

  reserve(reservation: ReservedRange): void {
    this.holdBack().reserve(reservation);
  }
  unreserve(name: string): void {
    this.heldBack?.unreserve(name);
    this.dropEmpty();
  }
  /** Counts only while nobody holds the address and its pool has a cool-down. */
  cool(address: Address, cooling: Cooling): void {
    this.holdBack().cool(address, cooling);
  }
  endCooling(): void {
    this.heldBack?.endCooling();
    this.dropEmpty();
  }
  /**
   * Ends the reservations and cool-downs whose time has come. To be called with the time of each command before it is decided:
   * `decide` reads no clock. An earlier time changes nothing.
   */
  advanceTo(time: Date): void {
    if (this.heldBack === undefined) return;
    this.heldBack.advanceTo(time.getTime());
    this.dropEmpty();
  }
  takePort(port: number, holder: string): void {
    this.ports.set(port, holder);
    this.portNumbers.add(BigInt(port));
  }
  freePort(port: number): void {
    this.ports.delete(port);
    this.portNumbers.delete(BigInt(port));
  }

  private holdBack(): HeldBack {
    return (this.heldBack ??= new HeldBack(this.taken, (address) => (this.poolOf(address)?.coolDownSeconds ?? 0) > 0, (address) => this.poolOf(address)?.kind === 'load-balancer'));
  }
  /** Without anything held back, choosing is as if there were no such thing. */
  private dropEmpty(): void {
    if (this.heldBack?.isEmpty === true) this.heldBack = undefined;
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
    const pool = this.poolOf(address);
    const band: Band | null = pool === undefined ? null : bandOf(pool, address.value);
    const use = pool && this.use.get(pool.name);
    if (use !== undefined && band !== null) use[band] += by;
  }
}

const byFamily = (pools: readonly Pool[]): Record<Family, readonly Pool[]> =>
  ({ IPv4: pools.filter(({ family }) => family === 'IPv4'), IPv6: pools.filter(({ family }) => family === 'IPv6') });
