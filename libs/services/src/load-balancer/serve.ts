import { parseAddress, type Family } from '@ipledger/ip';
import type { Draws } from '../draws.js';
import type { Event, LbReleaseReason } from '../events.js';
import { refOf } from '../service/facts.js';
import type { ServiceObject } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import type { Attachment } from './attachments.js';
import { chooseLbAddresses, type LbHad, type LbLack } from './choose-lb.js';
import type { LbRequest } from './commands.js';
import { lbConditionOf } from './condition.js';
import { joinEvents, leaveEvents } from './facts-lb.js';
import type { LbPool } from './lb-pool.js';
import { isServed, lbRequestOf, sharesAlike } from './request.js';
import { showAddresses, withoutCondition } from './status.js';

export interface LbOrder {
  time: Date;
  /** Shared pools serve this cluster: what its own cannot give may come from one of them. */
  sharedPools?: readonly Pick<LbPool, 'name' | 'autoAssign'>[];
}

/**
 * What a write of a Service does to its addresses of LB pools. Gives it what it lacks and own pools can give, takes away what it does
 * not want any more, and shows both in `next.status`; changes nothing else of `next`.
 * @param stored the Service as it is; undefined on create
 */
export const serveLoadBalancer = (next: ServiceObject, stored: ServiceObject | undefined, state: ClusterState, draws: Draws, order: LbOrder): Event[] => {
  const wasOfType = stored?.spec.type === 'LoadBalancer';
  if (next.spec.type !== 'LoadBalancer' && !wasOfType) return [];
  if (!isServed(next, stored, state.definition?.defaultLoadBalancer === true)) return stopServing(next, stored, state, order.time);
  if (next.metadata.deletionTimestamp !== undefined) return [];

  const request = lbRequestOf(next);
  const plan = planOf(request, stored, state, draws);
  const service = refOf(next);
  const reasonOf = reasonsOf(request, stored);
  const kept = new Set(plan.had.flatMap(({ how, text }) => (how === 'kept' ? [text] : [])));
  const left = state.lb.addressesOf(serviceKey(service.namespace, service.name)).filter((text) => !kept.has(text));
  const rejoined = stored === undefined || sharesAlike(lbRequestOf(stored), request) ? [] : plan.had.filter(({ how }) => how === 'kept');
  const has = [...plan.had.map(({ text }) => text), ...plan.attached.map(({ address }) => address)];
  const { sharedPools = [], time } = order;
  if (sharedPools.length === 0 || stored === undefined || !waitsAsBefore(request, stored, has, plan.lacking))
    showAddresses(next, has, plan.lacking, { time, hopes: sharedPools.some((pool) => isOpenTo(pool, request)), unheeded: plan.unheeded, before: lbConditionOf(next) });
  return [
    ...leaveEvents(left, { service }, reasonOf, state, order.time),
    ...rejoinEvents(rejoined, request, state, order.time),
    ...state.attachments.of(serviceKey(service.namespace, service.name)).filter((attached) => !plan.attached.includes(attached)).map((attached): Event =>
      ({ type: 'lb-address.detached', data: { ...attached, reason: reasonOf(attached.address) } })),
    ...joinEvents(plan.had, { request }),
  ];
};

/**
 * Whether a Service lacks what it lacked and asks for the same. Its condition may say what shared pools have answered, which the pools of its
 * cluster know nothing of: a write that changes nothing must not unsay it, only for the assigner to say it again.
 */
const waitsAsBefore = (request: LbRequest, stored: ServiceObject, has: readonly string[], lacking: readonly LbLack[]): boolean => {
  const before = lbConditionOf(stored);
  const had = (stored.status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
  return lacking.length > 0 && before !== undefined && before.reason !== 'Assigned' && had.length === has.length && has.every((text) => had.includes(text))
    && JSON.stringify(lbRequestOf(stored)) === JSON.stringify(request);
};

/** As far as its name says: a pool that serves those only who ask for it, or for one of its addresses, is not what others wait for. */
export const isOpenTo = ({ name, autoAssign }: Pick<LbPool, 'name' | 'autoAssign'>, { pool, requested }: LbRequest): boolean =>
  pool === null ? autoAssign || requested.length > 0 : pool === name;

interface Plan {
  had: LbHad[];
  /** What it keeps of a shared pool. */
  attached: readonly Attachment[];
  lacking: LbLack[];
  unheeded?: string;
}

/**
 * The families of one Service never come from two logs: while it has addresses of a shared pool, its own pools give it none. One that needs
 * all gets all or none; but what it has already it keeps while the rest cannot be had: to require more must not put it off the network.
 */
const planOf = (request: LbRequest, stored: ServiceObject | undefined, state: ClusterState, draws: Draws): Plan => {
  const key = serviceKey(request.service.namespace, request.service.name);
  const attached = state.attachments.of(key).filter((attachment) => stillWanted(attachment, request, stored));
  const missing = request.families.filter((family) => !attached.some((attachment) => attachment.family === family));
  if (attached.length > 0) return { had: [], attached, lacking: missing.map((family): LbLack => ({ family, reason: 'NoPool', why: `the LB pool ${attached[0]?.lbPool} has not given it one` })) };
  const preferred = (stored?.status.loadBalancer.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  const { had, lacking, ...rest } = chooseLbAddresses({ request, state, draws, preferred });
  return { ...rest, had: request.needsAll && lacking.length > 0 ? had.filter(({ how }) => how === 'kept') : had, attached: [], lacking };
};

/** Whether what a Service has of a shared pool is still what it asks for, in the same way. */
export const stillWanted = (attachment: Attachment, request: LbRequest, stored: ServiceObject | undefined): boolean =>
  isAskedFor(attachment, request) && stored !== undefined && sharesAlike(lbRequestOf(stored), request);

/** Whether an address of a shared pool is one that a Service asks for: by family, and by number and pool where it names them. */
export const isAskedFor = ({ address: text, lbPool }: Pick<Attachment, 'address' | 'lbPool'>, { families, requested, pool }: LbRequest): boolean => {
  const address = parseAddress(text);
  if (address === undefined || !families.includes(address.family) || (pool !== null && pool !== lbPool)) return false;
  const numbers = requested.map(parseAddress).filter((other) => other?.family === address.family);
  return numbers.length === 0 || numbers.some((other) => other?.value === address.value);
};

/** One that stays in its group with other ports leaves and joins: the address stays where it is. */
export const rejoinEvents = (had: readonly LbHad[], request: LbRequest, state: ClusterState, time: Date): Event[] => [
  ...leaveEvents(had.map(({ text }) => text), request, () => 'sharing-changed', state, time).filter(({ type }) => type === 'lb-member.left'),
  ...joinEvents(had.map((one): LbHad => ({ ...one, how: 'joined' })), { request }),
];

const reasonsOf = (request: LbRequest, stored: ServiceObject | undefined) => (text: string): LbReleaseReason => {
  const family = parseAddress(text)?.family as Family;
  if (!request.families.includes(family)) return 'downgraded';
  return stored !== undefined && !sharesAlike(lbRequestOf(stored), request) ? 'sharing-changed' : 'not-wanted';
};

/** Of another type or class now. What another controller has written of a Service that was never ours is none of our business. */
const stopServing = (next: ServiceObject, stored: ServiceObject | undefined, state: ClusterState, time: Date): Event[] => {
  const events = releaseLoadBalancer(next, next.spec.type === 'LoadBalancer' ? 'class-changed' : 'type-changed', state, time);
  if (stored !== undefined && lbConditionOf(stored) !== undefined) next.status = { ...withoutCondition(next.status), loadBalancer: {} };
  return events;
};

/** Takes everything of LB pools away from a Service. */
export const releaseLoadBalancer = (stored: ServiceObject, reason: LbReleaseReason, state: ClusterState, time: Date): Event[] => {
  const service = refOf(stored);
  const key = serviceKey(service.namespace, service.name);
  return [
    ...leaveEvents(state.lb.addressesOf(key), { service }, () => reason, state, time),
    ...state.attachments.of(key).map((attached): Event => ({ type: 'lb-address.detached', data: { ...attached, reason } })),
  ];
};
