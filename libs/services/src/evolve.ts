import type { Address } from '@ipledger/ip';
import { parseAddress } from '@ipledger/ip';
import type { ClusterDefinition } from './cluster/definition.js';
import type { ClusterCidrDraining, ClusterPoolConfigured, Event, ServiceRef } from './events.js';
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
        state.cool(addressOf(event.data.address), { untilMs: Date.parse(event.data.coolsUntil), holder: keyOf(event.data.service) });
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

type ClusterEvent = Exclude<Extract<Event, { type: `cluster.${string}` }>, { type: 'cluster.removed' }>;

const evolveDefinition = (definition: ClusterDefinition | null, event: ClusterEvent): ClusterDefinition | null => {
  if (event.type === 'cluster.registered') return { ...event.data, draining: [] };
  if (definition === null) return null;
  switch (event.type) {
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
