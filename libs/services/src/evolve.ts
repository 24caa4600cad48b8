import type { Address } from '@ipledger/ip';
import { parseAddress } from '@ipledger/ip';
import { defaultNodePortRange, type ClusterDefinition } from './cluster/definition.js';
import type { ClusterCidrDraining, ClusterPoolConfigured, Event, ServiceRef } from './events.js';
import { memberKey, memberOf } from './load-balancer/holdings.js';
import type { LbPool } from './load-balancer/lb-pool.js';
import { sharedPoolLog } from './load-balancer/shared-log.js';
import { reservedRange } from './pool/held-back.js';
import type { PoolSettings } from './pool/pool.js';
import { serviceKey, type ClusterState } from './state.js';

/**
 * Folds one event into the state. Accepts every event ever written and never refuses: it has happened. Folding an event
 * that the state shows already changes nothing, so that a load in pages may meet what a later page has seen.
 * @param revision of this event; the state's revision moves to it
 */
export const evolve = (state: ClusterState, event: Event, revision: number): void => {
  switch (event.type) {
    case 'service.created':
    case 'service.updated':
      state.services.set(keyOf(event.data.service), revision);
      break;
    case 'service.deleted':
      state.services.delete(keyOf(event.data.service));
      break;
    case 'ip.allocated':
      state.take(addressOf(event.data.address));
      break;
    case 'ip.released':
      state.free(addressOf(event.data.address));
      if (event.data.coolsUntil !== undefined)
        state.cool(addressOf(event.data.address), { untilMs: Date.parse(event.data.coolsUntil), holder: memberKey(event.data.cluster, event.data.service) });
      break;
    case 'lb-member.joined':
      state.lb.join(event.data.address, memberOf(event.data, revision));
      break;
    case 'lb-member.left':
      state.lb.leave(event.data.address, event.data);
      break;
    case 'lb-address.attached':
      state.attachments.attach(event.data);
      break;
    case 'lb-address.detached':
      state.attachments.detach(event.data);
      break;
    case 'reservation.made':
      state.reserve(reservedRange(event.data.reservation));
      break;
    case 'reservation.released':
      state.unreserve(event.data.reservation.name);
      break;
    case 'cluster.removed':
      state.define(null);
      state.endCooling();
      break;
    case 'port.allocated':
      state.takePort(event.data.port, keyOf(event.data.service));
      break;
    case 'port.released':
      state.freePort(event.data.port);
      break;
    default:
      state.define(evolveDefinition(state.definition, event));
  }
  state.revision = revision;
};

/**
 * Takes an event back out of the state: the append that was to make it a fact did not happen.
 * @returns false when the event cannot be taken back; the state must then be dropped and loaded again
 */
export const revert = (state: ClusterState, event: Event, revision: number): boolean => {
  switch (event.type) {
    case 'service.created':
      state.services.delete(keyOf(event.data.service));
      break;
    case 'service.updated':
    case 'service.deleted':
      state.services.set(keyOf(event.data.service), event.data.previous.revision);
      break;
    case 'ip.allocated':
      state.free(addressOf(event.data.address));
      break;
    case 'ip.released':
      state.take(addressOf(event.data.address)); // which ends its cool-down, whatever that was
      break;
    case 'lb-member.joined':
      if (event.data.renews === undefined) state.lb.leave(event.data.address, event.data);
      else state.lb.join(event.data.address, memberOf({ ...event.data, wait: event.data.renewsWait }, event.data.renews));
      break;
    case 'lb-member.left':
      state.lb.join(event.data.address, memberOf(event.data, event.data.since));
      break;
    case 'lb-address.attached':
      state.attachments.detach(event.data);
      break;
    case 'lb-address.detached':
      state.attachments.attach(event.data);
      break;
    case 'reservation.made':
      state.unreserve(event.data.reservation.name);
      break;
    case 'reservation.released':
      state.reserve(reservedRange(event.data.reservation));
      break;
    case 'port.allocated':
      state.freePort(event.data.port);
      break;
    case 'port.released':
      state.takePort(event.data.port, keyOf(event.data.service));
      break;
    default:
      return false;
  }
  state.revision = revision - 1;
  return true;
};

/** What changes the definition of a log. */
type DefiningEvent = Exclude<Extract<Event, { type: `cluster.${string}` | `lb-pool.${string}` }>, { type: 'cluster.removed' }>;

const evolveDefinition = (definition: ClusterDefinition | null, event: DefiningEvent): ClusterDefinition | null => {
  if (event.type === 'cluster.registered') return { ...event.data, draining: [] };
  if (event.type === 'lb-pool.configured') return withLbPool(definition, event.data.pool);
  if (definition === null) return null;
  switch (event.type) {
    case 'lb-pool.removed':
      return withoutLbPool(definition, event.data.pool);
    case 'cluster.load-balancing-declared': {
      const { defaultLoadBalancer: _, ...rest } = definition;
      return event.data.defaultLoadBalancer ? { ...rest, defaultLoadBalancer: true } : rest;
    }
    case 'cluster.cidrs-declared':
      return restrict({ ...definition, serviceCIDRs: event.data.serviceCIDRs, draining: event.data.draining });
    case 'cluster.cidr-added':
      return { ...definition, serviceCIDRs: [...definition.serviceCIDRs, event.data.cidr] };
    case 'cluster.cidr-draining':
      return { ...definition, draining: [...definition.draining, event.data.cidr], ...drainOf(definition, event.data) };
    case 'cluster.cidr-removed':
      return restrict({
        ...definition,
        serviceCIDRs: definition.serviceCIDRs.filter((cidr) => cidr !== event.data.cidr),
        draining: definition.draining.filter((cidr) => cidr !== event.data.cidr),
      });
    case 'cluster.network-declared':
      return { ...definition, network: event.data };
    case 'cluster.pool-configured':
      return restrict({ ...definition, pools: { ...definition.pools, [event.data.cidr]: settingsIn(event) } });
  }
};

/** The log of a shared pool is what its pool is: it has no other definition. */
const withLbPool = (definition: ClusterDefinition | null, pool: LbPool): ClusterDefinition | null => {
  if (pool.clusters !== undefined)
    return { name: sharedPoolLog(pool.name), serviceCIDRs: [], draining: [], nodePortRange: defaultNodePortRange, createdAt: pool.createdAt, lbPools: [pool] };
  if (definition === null) return null;
  const pools = definition.lbPools ?? [];
  const known = pools.some(({ name }) => name === pool.name);
  return { ...definition, lbPools: known ? pools.map((other) => (other.name === pool.name ? pool : other)) : [...pools, pool] };
};

const withoutLbPool = (definition: ClusterDefinition, name: string): ClusterDefinition | null => {
  if (definition.name === sharedPoolLog(name)) return null;
  const { lbPools = [], ...rest } = definition;
  const left = lbPools.filter((pool) => pool.name !== name);
  return left.length === 0 ? rest : { ...rest, lbPools: left };
};

const drainOf = ({ drains }: ClusterDefinition, { cidr, since, held }: ClusterCidrDraining['data']): Pick<ClusterDefinition, 'drains'> =>
  since === undefined || held === undefined ? {} : { drains: { ...drains, [cidr]: { since, held } } };

const settingsIn = ({ data: { staticBandAddresses, coolDownSeconds } }: ClusterPoolConfigured): PoolSettings => ({
  ...(staticBandAddresses !== null && { staticBandAddresses }), ...(coolDownSeconds > 0 && { coolDownSeconds }),
});

/** Drops what is said of CIDRs that are gone, or drain no more, and settings that say nothing: a cluster as upstream reads as one. */
const restrict = ({ pools = {}, drains = {}, ...definition }: ClusterDefinition): ClusterDefinition => {
  const set = Object.entries(pools).filter(([cidr, settings]) => definition.serviceCIDRs.includes(cidr) && Object.keys(settings).length > 0);
  const draining = Object.entries(drains).filter(([cidr]) => definition.draining.includes(cidr));
  return {
    ...definition, ...(set.length > 0 && { pools: Object.fromEntries(set) }), ...(draining.length > 0 && { drains: Object.fromEntries(draining) }),
  };
};

const keyOf = (service: ServiceRef): string => serviceKey(service.namespace, service.name);

/** Events carry canonical text. One that does not parse means a damaged log, and deciding on must stop. */
const addressOf = (text: string): Address => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`the log holds an event with the address ${JSON.stringify(text)}, which is none`);
  return address;
};
