import { formatAddress, parseAddress, type Family } from '@ipledger/ip';
import type { Draws } from '../draws.js';
import type { Event } from '../events.js';
import { refOf } from '../service/facts.js';
import type { ServiceObject } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import { chooseLbAddresses, type LbLack } from './choose-lb.js';
import { lbConditionOf } from './condition.js';
import { joinEvents, leaveEvents } from './facts-lb.js';
import { isServed, lbRequestOf } from './request.js';
import { releaseLoadBalancer } from './serve.js';
import { showAddresses, withoutCondition } from './status.js';

/**
 * Takes over what a Service that runs elsewhere shows in its status: its addresses that lie in LB pools of this cluster become its own.
 * Nothing is chosen. What else it wants it waits for, as any Service does. Changes `next.status`.
 * @returns `conflicts`: why it cannot have them
 */
export const importLoadBalancer = (next: ServiceObject, stored: ServiceObject | undefined, state: ClusterState, draws: Draws, time: Date): { events: Event[]; conflicts: string[] } => {
  if (next.spec.type !== 'LoadBalancer' && stored?.spec.type !== 'LoadBalancer') return { events: [], conflicts: [] };
  next.status = withoutCondition(next.status);
  const service = refOf(next);
  if (!isServed(next, stored, state.definition?.defaultLoadBalancer === true))
    return { events: stored === undefined ? [] : releaseLoadBalancer(stored, next.spec.type === 'LoadBalancer' ? 'class-changed' : 'type-changed', state, time), conflicts: [] };

  const key = serviceKey(service.namespace, service.name);
  const attached = state.attachments.of(key).map(({ address }) => address);
  const shown = (next.status.loadBalancer.ingress ?? []).flatMap(({ ip }) => parseAddress(ip ?? '') ?? []).filter((address) => state.poolOf(address)?.kind === 'load-balancer');
  const wanted = lbRequestOf(next);
  const request = { ...wanted, pool: null, requested: shown.map(formatAddress), families: shown.map(({ family }) => family) };
  const { had, lacking } = chooseLbAddresses({ request, state, draws, preferred: [] });
  const kept = new Set(had.flatMap(({ how, text }) => (how === 'kept' ? [text] : [])));
  const has = [...had.map(({ text }) => text), ...attached];
  const without = wanted.families.filter((family) => !has.some((text) => parseAddress(text)?.family === family));
  showAddresses(next, has, without.map(notThere), { time, before: stored && lbConditionOf(stored) });
  return {
    events: [...leaveEvents(state.lb.addressesOf(key).filter((text) => !kept.has(text)), { service }, () => 'not-wanted', state, time), ...joinEvents(had, { request })],
    conflicts: lacking.map(({ why }) => `load balancer address ${why}`),
  };
};

const notThere = (family: Family): LbLack => ({ family, reason: 'NoPool', why: 'it had none of an LB pool of this cluster where it came from' });
