import { formatAddress, parseAddress, type Address, type Family } from '@ipledger/ip';
import type { Draws } from '../draws.js';
import { chooseAddress } from '../pool/choose.js';
import type { ReservedRange } from '../pool/held-back.js';
import type { Pool } from '../pool/pool.js';
import { breakCoolDownAnnotation, reservationAnnotation } from '../service/cluster-ips.js';
import type { ClusterState } from '../state.js';
import type { LbRequest } from './commands.js';
import { memberKey, sharingGroupRef } from './holdings.js';
import type { CompiledLbPool } from './lb-pool.js';

/** An address that a Service is to have. `kept` = it has it; `joined` = its sharing group has it; `taken` = nobody has it. */
export interface LbHad {
  how: 'kept' | 'joined' | 'taken';
  address: Address;
  text: string;
  pool: Pool;
  scope: 'static' | 'dynamic';
  /** The reservation it was held back by, which the Service named. */
  reservation?: ReservedRange;
}
/** Why a Service gets no address of a family. */
export interface LbLack {
  family: Family;
  reason: 'NoPool' | 'PoolsExhausted' | 'AddressNotAvailable';
  why: string;
}

/** What somebody asks of the LB pools of a log. `cluster` is there in the log of a shared pool. */
export interface LbAsking {
  request: LbRequest;
  cluster?: string;
  state: ClusterState;
  draws: Draws;
  /** Addresses to prefer where nothing else is asked for, as texts: what it had before. */
  preferred: readonly string[];
}

/**
 * An address for each family: the one that it has, if that is still what it asks for; else the requested one, one of its sharing group,
 * one that it had before, or a free one of the first pool that has any. Families are chosen by themselves: all or nothing is for the caller.
 * Of a request that makes no sense it keeps what it has, and gets nothing: a slip in an annotation must not put it off the network.
 * @returns `unheeded`: why the request makes no sense
 */
export const chooseLbAddresses = (asking: LbAsking): { had: LbHad[]; lacking: LbLack[]; unheeded?: string } => {
  const had: LbHad[] = [];
  const lacking: LbLack[] = [];
  const unheeded = requestProblem(asking.request);
  for (const family of asking.request.families) {
    const found = unheeded === undefined ? chooseFamily(family, asking) : keptOf(family, undefined, asking) ?? lack(family, 'AddressNotAvailable', unheeded);
    if ('how' in found) had.push(found);
    else lacking.push(found);
  }
  return { had, lacking, ...(unheeded !== undefined && { unheeded }) };
};

const lack = (family: Family, reason: LbLack['reason'], why: string): LbLack => ({ family, reason, why });

/** It stands in facts and tables: a NUL, which Postgres cannot hold, would fail the whole commit that it is part of. */
const sharingKeyForm = /^\P{C}{1,253}$/u;

const requestProblem = ({ requested, families, sharingKey }: LbRequest): string | undefined => {
  if (sharingKey !== null && !sharingKeyForm.test(sharingKey)) return `the sharing key ${JSON.stringify(sharingKey.slice(0, 64))} is none: 1 to 253 characters, none of them a control character`;
  const parsed = requested.map(parseAddress);
  const bad = requested.find((_, i) => parsed[i] === undefined);
  if (bad !== undefined) return `${JSON.stringify(bad.slice(0, 64))} is no address`;
  const foreign = parsed.find((address) => address !== undefined && !families.includes(address.family));
  if (foreign !== undefined) return `${formatAddress(foreign)} is of ${foreign.family}, which the Service does not have`;
  return parsed.some((address, i) => parsed.findIndex((other) => other?.family === address?.family) < i) ? 'two addresses of one family are asked for' : undefined;
};

const chooseFamily = (family: Family, asking: LbAsking): LbHad | LbLack => {
  const { request, state, draws } = asking;
  const requested = request.requested.map(parseAddress).find((address) => address?.family === family);
  const kept = keptOf(family, requested, asking);
  if (kept !== undefined) return kept;
  if (requested !== undefined) return chooseRequested(requested, asking);
  const pools = state.lbPools.filter((pool) => serves(pool, request) && (pool.pool.autoAssign || pool.pool.name === request.pool));
  const ranges = pools.flatMap((pool) => pool.ranges.filter((range) => range.family === family));
  if (ranges.length === 0) return lack(family, 'NoPool', noPool(family, asking));
  for (const text of likely(asking)) {
    const had = asBefore(text, family, ranges, asking);
    if (had !== undefined) return had;
  }
  const chosen = chooseAddress(ranges, state.unavailable(family), draws);
  if (chosen === undefined) return lack(family, 'PoolsExhausted', `no free ${family} address in ${[...new Set(ranges.map(({ lbPool }) => lbPool))].join(', ')}`);
  const address = { family, value: chosen.value };
  return { how: 'taken', address, text: formatAddress(address), pool: chosen.pool, scope: 'dynamic' };
};

/** In the log of a shared pool: its name. Elsewhere undefined. */
const sharedNameOf = ({ cluster, state }: LbAsking): string | undefined => (cluster === undefined ? undefined : state.lbPools[0]?.pool.name);

const noPool = (family: Family, asking: LbAsking): string => {
  const { pool } = asking.request;
  const shared = sharedNameOf(asking);
  if (shared !== undefined) return `the LB pool ${shared} has no ${family} addresses for this Service`;
  return pool === null ? `no LB pool of the cluster has ${family} addresses for this Service` : `the cluster has no LB pool ${pool} with ${family} addresses for this Service`;
};

/** Whether a pool may serve a Service that asks for it, or for one of its addresses. */
const serves = ({ pool, selects }: CompiledLbPool, request: LbRequest): boolean =>
  (request.pool === null || request.pool === pool.name) && (pool.namespaces.length === 0 || pool.namespaces.includes(request.service.namespace)) && selects(request.labels);

/**
 * What it has stays, whatever became of the pool, as long as it asks for nothing else. Of several addresses of a family (a claim that it has
 * not attached is released later) the one claimed last, so that a claim that is asked for again is answered the same.
 */
const keptOf = (family: Family, requested: Address | undefined, asking: LbAsking): LbHad | undefined => {
  const { request, state, cluster } = asking;
  const key = memberKey(cluster, request.service);
  const mine = state.lb.addressesOf(key).flatMap((text) =>
    state.lb.membersOf(text).filter((member) => memberKey(member.cluster, member.service) === key).map((member) => ({ text, member })));
  for (const { text, member } of mine.sort((a, b) => b.member.revision - a.member.revision)) {
    const address = parseAddress(text);
    const pool = address?.family === family ? state.poolOf(address) : undefined;
    if (address === undefined || pool === undefined) continue;
    const isAskedFor = (requested === undefined || requested.value === address.value) && (request.pool === null || request.pool === pool.lbPool);
    if (isAskedFor && member.sharingGroup === request.sharingKey && whyNotShared(text, asking) === undefined)
      return { how: 'kept', address, text, pool, scope: requested === undefined ? 'dynamic' : 'static' };
  }
  return undefined;
};

const chooseRequested = (address: Address, asking: LbAsking): LbHad | LbLack => {
  const { request, state } = asking;
  const text = formatAddress(address);
  const refused = (why: string): LbLack => lack(address.family, 'AddressNotAvailable', `${text} ${why}`);
  const pool = state.poolOf(address);
  const owner = state.lbPools.find(({ pool: { name } }) => name === pool?.lbPool);
  const shared = sharedNameOf(asking);
  // Another shared pool may have more to say about it.
  if ((pool === undefined || owner === undefined) && shared !== undefined) return lack(address.family, 'NoPool', `${text} is not in the LB pool ${shared}`);
  if (pool === undefined || owner === undefined) return refused('is in no LB pool of the cluster');
  if (!serves(owner, request)) return refused(`is in the LB pool ${owner.pool.name}, which is not for this Service`);
  const held = whyNotShared(text, asking);
  if (held !== undefined) return refused(held);
  if (pool.state === 'draining') return refused('is in a range that is being drained');
  if (isHeld(text, asking)) return { how: 'joined', address, text, pool, scope: 'static' };
  const reservation = state.reservationOf(address);
  if (reservation !== undefined && reservation.record.name !== request.annotations[reservationAnnotation])
    return refused(`is reserved; the annotation ${reservationAnnotation}: ${reservation.record.name} lets a Service have it`);
  const cooling = state.coolingOf(address);
  if (cooling !== undefined && !ownKeys(asking).includes(cooling.holder) && request.annotations[breakCoolDownAnnotation] !== 'true')
    return refused(`cools down until ${new Date(cooling.untilMs).toISOString()}; the annotation ${breakCoolDownAnnotation}: "true" lets a Service have it`);
  return { how: 'taken', address, text, pool, scope: 'static', ...(reservation && { reservation }) };
};

/** What cools down after the Service, or its group, is kept for them. */
const ownKeys = ({ request: { service, sharingKey }, cluster }: LbAsking): string[] => [
  memberKey(cluster, service), ...(sharingKey === null ? [] : [memberKey(cluster, sharingGroupRef(cluster, service.namespace, sharingKey))]),
];

/** Addresses to look at before a free one is chosen. */
const likely = (asking: LbAsking): string[] => {
  const { request: { service, sharingKey }, cluster, state, preferred } = asking;
  const group = sharingKey === null ? [] : state.lb.addressesOfGroup(sharingGroupRef(cluster, service.namespace, sharingKey));
  return [...group, ...state.lb.addressesOf(memberKey(cluster, service)), ...ownKeys(asking).flatMap((key) => state.coolingAfter(key).map(formatAddress)), ...preferred];
};

const asBefore = (text: string, family: Family, ranges: readonly Pool[], asking: LbAsking): LbHad | undefined => {
  const { state } = asking;
  const address = parseAddress(text);
  if (address?.family !== family) return undefined;
  const pool = state.poolOf(address);
  if (pool === undefined || pool.state === 'draining' || !ranges.includes(pool) || whyNotShared(text, asking) !== undefined) return undefined;
  if (isHeld(text, asking)) return { how: 'joined', address, text, pool, scope: 'dynamic' };
  const cooling = state.coolingOf(address);
  const isFree = state.reservationOf(address) === undefined && (cooling === undefined || ownKeys(asking).includes(cooling.holder));
  return isFree ? { how: 'taken', address, text, pool, scope: 'dynamic' } : undefined;
};

const othersOf = (text: string, { request, cluster, state }: LbAsking) =>
  state.lb.membersOf(text).filter((member) => memberKey(member.cluster, member.service) !== memberKey(cluster, request.service));

/** By others than the Service itself. */
const isHeld = (text: string, asking: LbAsking): boolean => othersOf(text, asking).length > 0;

/** Why a Service may not have an address that others have; undefined when it may, or nobody has it. */
const whyNotShared = (text: string, asking: LbAsking): string | undefined => {
  const { request, cluster, state } = asking;
  const others = othersOf(text, asking);
  if (others.length === 0) {
    const isMine = state.lb.membersOf(text).length > 0;
    const address = parseAddress(text);
    return !isMine && address !== undefined && state.taken[address.family].has(address.value) ? 'is held by another Service' : undefined;
  }
  const isOfGroup = request.sharingKey !== null && others.every(({ cluster: other, service, sharingGroup }) =>
    sharingGroup === request.sharingKey && other === cluster && service.namespace === request.service.namespace);
  if (!isOfGroup) return 'is held by another Service';
  const port = request.ports.find((wanted) => others.some(({ ports }) => ports.includes(wanted)));
  if (port !== undefined) return `is shared with a Service that has the port ${port} too`;
  return others.every(({ backend }) => backend === request.backend) ? undefined : 'is shared with Services of another externalTrafficPolicy or selector';
};
