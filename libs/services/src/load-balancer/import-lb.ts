import { formatAddress, parseAddress, type Family } from '@ipledger/ip';
import type { Draws } from '../draws.js';
import type { Event } from '../events.js';
import { refOf } from '../service/facts.js';
import type { ServiceObject } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import { chooseLbAddresses, type LbHad, type LbLack } from './choose-lb.js';
import type { LbRequest } from './commands.js';
import { lbConditionOf } from './condition.js';
import { joinEvents, leaveEvents } from './facts-lb.js';
import { isServed, lbRequestOf, sharesAlike } from './request.js';
import { isAskedFor, rejoinEvents, releaseLoadBalancer, stillWanted } from './serve.js';
import { showAddresses, withoutCondition } from './status.js';

/**
 * Takes over what a Service that runs elsewhere shows in its status: its addresses that lie in LB pools of this cluster become its own.
 * Nothing is chosen. What else it wants it waits for, as any Service does; and what it got so here it keeps, though the status there does
 * not show it: else it would lose its address with every change that is followed. Changes `next.status`.
 * @returns `conflicts`: why it cannot have them
 */
export const importLoadBalancer = (next: ServiceObject, stored: ServiceObject | undefined, state: ClusterState, draws: Draws, time: Date): { events: Event[]; conflicts: string[] } => {
  if (next.spec.type !== 'LoadBalancer' && stored?.spec.type !== 'LoadBalancer') return { events: [], conflicts: [] };
  next.status = withoutCondition(next.status);
  const service = refOf(next);
  if (!isServed(next, stored, state.definition?.defaultLoadBalancer === true))
    return { events: stored === undefined ? [] : releaseLoadBalancer(stored, next.spec.type === 'LoadBalancer' ? 'class-changed' : 'type-changed', state, time), conflicts: [] };

  const key = serviceKey(service.namespace, service.name);
  const wanted = lbRequestOf(next);
  const { had, conflicts } = takenOver(next, wanted, state, draws);
  const attachments = state.attachments.of(key);
  // The families of one Service never come from two logs.
  const attached = had.length > 0 ? [] : attachments.filter((attachment) => stillWanted(attachment, wanted, stored));
  const kept = had.filter(({ how }) => how === 'kept');
  const left = state.lb.addressesOf(key).filter((address) => !kept.some(({ text }) => text === address));
  const has = [...had.map(({ text }) => text), ...attached.map(({ address }) => address)];
  const without = wanted.families.filter((family) => !has.some((text) => parseAddress(text)?.family === family));
  showAddresses(next, has, without.map(notThere), { time, before: stored && lbConditionOf(stored) });
  const events = [
    ...leaveEvents(left, { service }, () => 'not-wanted', state, time),
    ...rejoinEvents(stored === undefined || sharesAlike(lbRequestOf(stored), wanted) ? [] : kept, wanted, state, time),
    ...attachments.filter((one) => !attached.includes(one)).map((one): Event => ({ type: 'lb-address.detached', data: { ...one, reason: 'not-wanted' } })),
    ...joinEvents(had, { request: wanted }),
  ];
  return { events, conflicts };
};

/** What it shows, and of families that it shows nothing of, what it has here. */
const takenOver = (next: ServiceObject, wanted: LbRequest, state: ClusterState, draws: Draws): { had: LbHad[]; conflicts: string[] } => {
  const shown = (next.status.loadBalancer.ingress ?? []).flatMap(({ ip }) => parseAddress(ip ?? '') ?? []).filter((address) => state.poolOf(address)?.kind === 'load-balancer');
  const here = state.lb.addressesOf(serviceKey(wanted.service.namespace, wanted.service.name)).flatMap((text) => parseAddress(text) ?? [])
    .filter((address) => !shown.some(({ family }) => family === address.family) && isAskedFor({ address: formatAddress(address), lbPool: state.poolOf(address)?.lbPool ?? '' }, wanted));
  const choose = (addresses: typeof shown) =>
    chooseLbAddresses({ request: { ...wanted, pool: null, requested: addresses.map(formatAddress), families: addresses.map(({ family }) => family) }, state, draws, preferred: [] });
  const { had, lacking } = choose(shown);
  return { had: [...had, ...choose(here).had.filter(({ how }) => how === 'kept')], conflicts: lacking.map(({ why }) => `load balancer address ${why}`) };
};

const notThere = (family: Family): LbLack => ({ family, reason: 'NoPool', why: 'it had none of an LB pool of this cluster where it came from' });
