import type { LbMemberFacts, ServiceRef } from '../events.js';

/** A Service that has an address of an LB pool, by itself or in a sharing group. */
export interface LbMember {
  readonly service: ServiceRef;
  /** In the log of a shared pool: the cluster of the Service. */
  readonly cluster?: string;
  /** null = it has the address for itself. All members of one address have the same. */
  readonly sharingGroup: string | null;
  readonly ports: readonly string[];
  readonly backend: string;
  /** In the log of a shared pool: the wait that it was claimed for. */
  readonly wait?: number;
  /** Of the event that made it so: what a release has to name. */
  readonly revision: number;
}

/** Key of a Service as the holder of LB addresses; in the log of a shared pool its cluster belongs to it. */
export const memberKey = (cluster: string | undefined, { namespace, name }: Pick<ServiceRef, 'namespace' | 'name'>): string =>
  cluster === undefined ? `${namespace}/${name}` : `${cluster}/${namespace}/${name}`;

const groupPrefix = 'sharing-key:';

/** A sharing group as the holder of an address. `:` stands in no name of a Service. */
export const sharingGroupRef = (cluster: string | undefined, namespace: string, key: string): ServiceRef =>
  ({ namespace, name: `${groupPrefix}${key}`, uid: `${groupPrefix}${memberKey(cluster, { namespace, name: key })}` });

/** Who has which addresses of the LB pools of a log. Mutable as the state that it is part of: only `evolve` and loading change it. */
export class LbHoldings {
  /** Canonical text of an address -> `memberKey` -> who has it. */
  private readonly byAddress = new Map<string, Map<string, LbMember>>();
  /** `memberKey` -> addresses, in the order in which they came. */
  private readonly byMember = new Map<string, Set<string>>();
  /** uid of `sharingGroupRef` -> address and `memberKey` of each member. */
  private readonly byGroup = new Map<string, Set<string>>();

  /** Empty when nobody has the address. */
  membersOf(address: string): readonly LbMember[] {
    return [...(this.byAddress.get(address)?.values() ?? [])];
  }
  /** What a Service has, whichever uid it had when it came by it. */
  addressesOf(member: string): readonly string[] {
    return [...(this.byMember.get(member) ?? [])];
  }
  addressesOfGroup({ uid }: ServiceRef): readonly string[] {
    return [...new Set([...(this.byGroup.get(uid) ?? [])].map((entry) => entry.slice(0, entry.indexOf(' '))))];
  }
  addresses(): readonly string[] {
    return [...this.byAddress.keys()];
  }

  join(address: string, member: LbMember): void {
    this.leave(address, member);
    const key = memberKey(member.cluster, member.service);
    const members = this.byAddress.get(address);
    if (members === undefined) this.byAddress.set(address, new Map([[key, member]]));
    else members.set(key, member);
    add(this.byMember, key, address);
    const group = groupOf(member);
    if (group !== undefined) add(this.byGroup, group.uid, `${address} ${key}`);
  }

  leave(address: string, { cluster, service }: Pick<LbMember, 'cluster' | 'service'>): void {
    const key = memberKey(cluster, service);
    const members = this.byAddress.get(address);
    const member = members?.get(key);
    if (members === undefined || member === undefined) return;
    members.delete(key);
    if (members.size === 0) this.byAddress.delete(address);
    drop(this.byMember, key, address);
    const group = groupOf(member);
    if (group !== undefined) drop(this.byGroup, group.uid, `${address} ${key}`);
  }
}

const groupOf = ({ cluster, service, sharingGroup }: LbMember): ServiceRef | undefined =>
  sharingGroup === null ? undefined : sharingGroupRef(cluster, service.namespace, sharingGroup);

const add = (index: Map<string, Set<string>>, key: string, entry: string): void => {
  const known = index.get(key);
  if (known === undefined) index.set(key, new Set([entry]));
  else known.add(entry);
};

const drop = (index: Map<string, Set<string>>, key: string, entry: string): void => {
  const known = index.get(key);
  known?.delete(entry);
  if (known?.size === 0) index.delete(key);
};

export const memberOf = ({ service, cluster, sharingGroup, ports, backend, wait }: LbMemberFacts, revision: number): LbMember =>
  ({ service, ...(cluster !== undefined && { cluster }), sharingGroup, ports, backend, ...(wait !== undefined && { wait }), revision });
