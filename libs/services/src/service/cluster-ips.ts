import type { Address, Family } from '@ipledger/ip';
import { formatAddress, parseAddressSloppy } from '@ipledger/ip';
import type { Draws } from '../draws.js';
import { invalid } from '../field-error.js';
import { chooseAddress } from '../pool/choose.js';
import type { Cooling, ReservedRange } from '../pool/held-back.js';
import { bandOf, isUsable, poolOf, type Band, type Pool } from '../pool/pool.js';
import { refuse, refuseInvalid } from '../rejection.js';
import { isExternalName, type ServiceObject, type ServiceSpec } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import { keepsPreferDualStack } from './ip-families.js';

/** An address that a decision takes. `scope`: was this address asked for, or any. */
export interface TakenAddress {
  address: Address;
  pool: Pool;
  band: Band | null;
  scope: 'static' | 'dynamic';
  /** The reservation it was held back by, which the Service named. */
  reservation?: ReservedRange;
}

/** An address that a decision gives back. `pool` is undefined when no CIDR of the cluster contains it any more. */
export interface ReleasedAddress {
  address: Address;
  pool: Pool | undefined;
  band: Band | null;
}

/**
 * Takes the addresses of a new Service: one per family, in `ipFamilies` order, the requested one where there is one. Both
 * or neither: the caller appends nothing when this refuses (difference 1). Fills `clusterIPs` and `clusterIP`.
 * @see pkg/registry/core/service/storage/alloc.go allocClusterIPs, Kubernetes v1.37.2
 */
export const takeAddresses = (next: ServiceObject, state: ClusterState, draws: Draws, reservation?: string): TakenAddress[] => {
  const spec = next.spec;
  if (isExternalName(spec) || spec.clusterIPs?.[0] === 'None') return [];
  const families = spec.ipFamilies ?? [];
  spec.clusterIPs = families.map((_, i) => spec.clusterIPs?.[i] ?? '');
  const taken = families.map((_, i) => takeAddress(next, i, state, draws, reservation));
  spec.clusterIP = spec.clusterIPs[0];
  return taken;
};

/**
 * What an update does to addresses. The primary address is never touched except on the way to and from ExternalName.
 * @param stored with read defaults applied
 * @see pkg/registry/core/service/storage/alloc.go updateClusterIPs, Kubernetes v1.37.2
 */
export const changeAddresses = (
  next: ServiceObject, stored: ServiceObject, state: ClusterState, draws: Draws,
): { taken: TakenAddress[]; released: ReleasedAddress[] } => {
  const spec = next.spec;
  const was = stored.spec;
  if (keepsPreferDualStack(spec, was)) return { taken: [], released: [] };
  if (isExternalName(was) && !isExternalName(spec)) return { taken: takeAddresses(next, state, draws), released: [] };
  if (was.clusterIPs?.[0] === 'None') return { taken: [], released: [] };
  if (!isExternalName(was) && isExternalName(spec)) return { taken: [], released: heldAddresses(was, state) };

  const before = was.ipFamilies?.length ?? 0;
  const after = spec.ipFamilies?.length ?? 0;
  // A family that the cluster lacks gets this far only on a headful Service made headless, which validation refuses (difference 8).
  if (before === 1 && after === 2 && state.families.includes(spec.ipFamilies?.[1] as Family)) {
    spec.clusterIPs = [spec.clusterIPs?.[0] ?? '', spec.clusterIPs?.[1] ?? ''];
    return { taken: [takeAddress(next, 1, state, draws)], released: [] };
  }
  if (before === 2 && after === 1) return { taken: [], released: heldAddresses(was, state).slice(1) };
  return { taken: [], released: [] };
};

/** Every address that a stored Service holds. Family and pool are judged from the address, not from `ipFamilies`. */
export const heldAddresses = (spec: ServiceSpec, state: ClusterState): ReleasedAddress[] => {
  if (isExternalName(spec) || spec.clusterIPs?.[0] === 'None') return [];
  return (spec.clusterIPs ?? []).flatMap((text) => {
    const address = parseAddressSloppy(text)?.address;
    if (address === undefined || !state.taken[address.family].has(address.value)) return [];
    const pool = poolOf(state.pools, address);
    return [{ address, pool, band: pool === undefined ? null : bandOf(pool, address.value) }];
  });
};

/** Takes the address at one index of `clusterIPs`, where "" stands for any. */
const takeAddress = (next: ServiceObject, index: number, state: ClusterState, draws: Draws, reservation?: string): TakenAddress => {
  const texts = next.spec.clusterIPs ?? [];
  const family = next.spec.ipFamilies?.[index] as Family;
  const requested = texts[index] ?? '';
  if (requested !== '') return takeRequested(next, requested, state, reservation);
  const chosen = chooseAddress(state.poolsOf(family), state.unavailable(family), draws);
  if (chosen === undefined) return refuse({ code: 'addresses_exhausted', name: next.metadata.name ?? '', family });
  const address = { family, value: chosen.value };
  next.spec.clusterIPs = texts.with(index, formatAddress(address));
  return { address, pool: chosen.pool, band: bandOf(chosen.pool, chosen.value), scope: 'dynamic' };
};

const takeRequested = (next: ServiceObject, text: string, state: ClusterState, named: string | undefined): TakenAddress => {
  const address = parseAddressSloppy(text)?.address;
  const pool = address && poolOf(state.pools, address);
  const fail = (why: string): void =>
    refuseInvalid(next.metadata.name, [invalid('spec.clusterIPs', next.spec.clusterIPs, `failed to allocate IP ${text}: ${why}`)]);
  if (address === undefined || pool === undefined || pool.state !== 'open' || !isUsable(pool, address.value)) {
    fail('the provided network does not match the current range');
    throw new Error('unreachable');
  }
  if (state.taken[address.family].has(address.value)) fail('provided IP is already allocated');
  const reservation = state.reservationOf(address);
  const why = heldBackFrom(next, reservation, state.coolingOf(address), named);
  if (why !== undefined) fail(why);
  return { address, pool, band: bandOf(pool, address.value), scope: 'static', ...(reservation && { reservation }) };
};

/** What lets a Service have an address of a reservation, or one that cools down after another Service. */
export const reservationAnnotation = 'ipledger/reservation';
export const breakCoolDownAnnotation = 'ipledger/break-cool-down';

/** Why a free address is held back from this Service; undefined when it may have it. */
const heldBackFrom = ({ metadata }: ServiceObject, reservation: ReservedRange | undefined, cooling: Cooling | undefined, named: string | undefined): string | undefined => {
  const { namespace = '', name = '', annotations = {} } = metadata;
  if (reservation !== undefined) {
    const reserved = reservation.record.name;
    return reserved === (named ?? annotations[reservationAnnotation]) ? undefined : `provided IP is reserved; the annotation ${reservationAnnotation}: ${reserved} lets a Service have it`;
  }
  // Who had it last may have it back: nobody can mistake the Service for another.
  if (cooling === undefined || cooling.holder === serviceKey(namespace, name) || annotations[breakCoolDownAnnotation] === 'true') return undefined;
  return `provided IP cools down until ${new Date(cooling.untilMs).toISOString()} after ${cooling.holder} released it; the annotation ${breakCoolDownAnnotation}: "true" takes it all the same`;
};
