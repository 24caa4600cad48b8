import { parseAddress } from '@ipledger/ip';
import type { Event, LbAddressFacts, LbMemberFacts, LbReleaseReason, ServiceRef } from '../events.js';
import { bandOf } from '../pool/pool.js';
import { coolDown } from '../service/facts.js';
import type { ClusterState } from '../state.js';
import type { LbHad } from './choose-lb.js';
import type { LbRequest } from './commands.js';
import { memberKey, sharingGroupRef, type LbMember } from './holdings.js';

/** Who asks, as events name him. */
export interface LbHolder {
  request: Pick<LbRequest, 'service' | 'sharingKey' | 'ports' | 'backend'>;
  /** In the log of a shared pool. */
  cluster?: string;
  /** In the log of a shared pool: the wait that it is claimed for. */
  wait?: number;
}

/**
 * Takes addresses away from a Service. The last one of a group takes the address with it.
 * @param reasonOf why, by address
 */
export const leaveEvents = (addresses: readonly string[], holder: { service: Pick<ServiceRef, 'namespace' | 'name'>; cluster?: string }, reasonOf: (address: string) => LbReleaseReason, state: ClusterState, time: Date): Event[] => {
  const key = memberKey(holder.cluster, holder.service);
  const left: Event[] = [];
  const released: Event[] = [];
  for (const text of addresses) {
    const members = state.lb.membersOf(text);
    const mine = members.find((member) => memberKey(member.cluster, member.service) === key);
    const address = parseAddress(text);
    if (mine === undefined || address === undefined) continue;
    const reason = reasonOf(text);
    left.push({ type: 'lb-member.left', data: { ...memberFacts(text, mine, state), since: mine.revision, reason } });
    if (members.length > 1) continue;
    const pool = state.poolOf(address);
    released.push({
      type: 'ip.released',
      data: {
        address: text, family: address.family, cidr: pool?.name ?? null, band: pool === undefined ? null : bandOf(pool, address.value), reason,
        ...holderFacts(pool?.lbPool ?? '', mine.service, mine.cluster, mine.sharingGroup), ...coolDown(pool, time),
      },
    });
  }
  return [...left, ...released];
};

/** Gives addresses to a Service: what it keeps is no event, unless it shares it in another way than before. */
export const joinEvents = (had: readonly LbHad[], { request, cluster, wait }: LbHolder): Event[] => {
  const { service, sharingKey, ports, backend } = request;
  const taken = had.filter(({ how }) => how === 'taken');
  return [
    ...taken.flatMap(({ reservation }): Event[] =>
      reservation === undefined || reservation.first !== reservation.last ? [] : [{ type: 'reservation.released', data: { reservation: reservation.record, reason: 'confirmed', service } }]),
    ...taken.map(({ address, text, pool, scope, reservation }): Event => ({
      type: 'ip.allocated',
      data: {
        address: text, family: address.family, cidr: pool.name, band: bandOf(pool, address.value), scope,
        ...holderFacts(pool.lbPool ?? '', service, cluster, sharingKey), ...(reservation && { reservation: reservation.record.name }),
      },
    })),
    ...had.filter(({ how }) => how !== 'kept').map(({ address, text, pool }): Event => ({
      type: 'lb-member.joined',
      data: {
        address: text, family: address.family, lbPool: pool.lbPool ?? '', ...(cluster !== undefined && { cluster }), sharingGroup: sharingKey, service,
        ports: [...ports], backend, ...(wait !== undefined && { wait }),
      },
    })),
  ];
};

const holderFacts = (lbPool: string, service: ServiceRef, cluster: string | undefined, sharingKey: string | null): LbAddressFacts & { service: ServiceRef } => ({
  service: sharingKey === null ? service : sharingGroupRef(cluster, service.namespace, sharingKey), kind: 'load-balancer', lbPool,
  ...(cluster !== undefined && { cluster }), ...(sharingKey !== null && { sharingGroup: sharingKey }),
});

export const memberFacts = (text: string, { service, cluster, sharingGroup, ports, backend, wait }: LbMember, state: ClusterState): LbMemberFacts => {
  const address = parseAddress(text);
  return {
    address: text, family: address?.family ?? 'IPv4', lbPool: (address && state.poolOf(address)?.lbPool) ?? '', ...(cluster !== undefined && { cluster }),
    sharingGroup, service, ports: [...ports], backend, ...(wait !== undefined && { wait }),
  };
};
