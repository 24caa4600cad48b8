import { parseAddress, type Address } from '@ipledger/ip';
import { encodeService } from '../codec/encode-service.js';
import type { Accepted } from '../decision.js';
import { Draws } from '../draws.js';
import type { Event } from '../events.js';
import { refuse } from '../rejection.js';
import { copyService, parseDocument, readDocument } from '../service/document.js';
import { previousOf, refOf } from '../service/facts.js';
import { applyReadDefaults } from '../service/read-defaults.js';
import type { ServiceObject } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import { chooseLbAddresses, type LbLack } from './choose-lb.js';
import type { AssignLoadBalancer, AttachLoadBalancer } from './commands.js';
import { lackOf, lbConditionOf } from './condition.js';
import { isServed, lbRequestOf } from './request.js';
import { isAskedFor, isOpenTo, serveLoadBalancer } from './serve.js';
import { showAddresses } from './status.js';

/**
 * Gives a Service what it lacks, as an update of it would, if its cluster's pools can give anything. Else nothing happens, so that whoever
 * tries again and again leaves no trace, but for why there is nothing, here or in shared pools, which the condition tells when it is news. A Service that LB pools
 * serve only since it was written comes to know so; but while none can serve it, it keeps what another controller has written.
 */
export const assignLoadBalancer = (command: AssignLoadBalancer, state: ClusterState, storedText: string | undefined): Accepted => {
  if (storedText === undefined) return refuse({ code: 'not_found', name: command.name });
  const stored = applyReadDefaults(parseDocument(storedText), state.families[0]);
  const isNew = lbConditionOf(stored) === undefined && isServed(stored, stored, state.definition?.defaultLoadBalancer === true);
  if (stored.metadata.deletionTimestamp !== undefined || (!isNew && lackOf(stored) === undefined)) return unchanged(storedText, state);
  const next = copyService(stored);
  const claims = serveLoadBalancer(next, stored, state, new Draws(command.seed), command);
  const keepsForeign = ingressOf(stored) > 0 && ingressOf(next) === 0 && !(command.sharedPools ?? []).some((pool) => isOpenTo(pool, lbRequestOf(stored)));
  const isMore = isNew ? !keepsForeign : ingressOf(next) > ingressOf(stored);
  // Nobody else is asked: what its own pools say is all there is to say.
  const isFinal = !isNew && command.sharedPools?.length === 0 && claims.length === 0 && !saysTheSame(next, stored);
  return isMore || isFinal ? settled(command, next, stored, claims, state) : told(command, stored, state) ?? unchanged(storedText, state);
};

const saysTheSame = (a: ServiceObject, b: ServiceObject): boolean => {
  const [one, other] = [lbConditionOf(a), lbConditionOf(b)];
  return one?.reason === other?.reason && one?.message === other?.message;
};

/** What shared pools answered, when the Service waits as it did then and does not say so yet. */
const told = (command: AssignLoadBalancer, stored: ServiceObject, state: ClusterState): Accepted | undefined => {
  const { shared, time } = command;
  if (shared === undefined || shared.lacking.length === 0 || stored.metadata.resourceVersion !== String(shared.wait)) return undefined;
  const next = copyService(stored);
  const key = serviceKey(stored.metadata.namespace ?? '', command.name);
  // The pools of its cluster have more to say than a shared one that is not for it.
  const own = state.attachments.of(key).length > 0 ? [] : chooseLbAddresses({ request: lbRequestOf(stored), state, draws: new Draws(command.seed), preferred: [] }).lacking;
  const lacking = shared.lacking.map((one) => (one.reason === 'NoPool' ? own.find(({ family, reason }) => family === one.family && reason !== 'NoPool') : undefined) ?? one);
  const [before, has] = [lbConditionOf(stored), (stored.status.loadBalancer.ingress ?? []).flatMap(({ ip }) => ip ?? [])];
  showAddresses(next, has, lacking, { time, before });
  return saysTheSame(next, stored) ? undefined : settled(command, next, stored, [], state);
};

/**
 * Attaches what the log of a shared pool has claimed for a Service. On condition that it is the same Service and waits in the same way as
 * when the claim was asked for (ADR 0004): else nothing happens, and the claim is an orphan.
 */
export const attachLoadBalancer = (command: AttachLoadBalancer, state: ClusterState, storedText: string | undefined): Accepted => {
  if (storedText === undefined) return refuse({ code: 'not_found', name: command.name });
  const stored = applyReadDefaults(parseDocument(storedText), state.families[0]);
  const addresses = attachable(command, stored, state);
  if (addresses === undefined) return unchanged(storedText, state);
  const service = refOf(stored);
  const next = copyService(stored);
  const has = [...state.attachments.of(serviceKey(service.namespace, service.name)).map(({ address }) => address), ...command.addresses];
  const without = lbRequestOf(stored).families.filter((family) => !has.some((text) => parseAddress(text)?.family === family));
  showAddresses(next, has, without.map((family): LbLack => ({ family, reason: 'PoolsExhausted', why: `the LB pool ${command.pool} has not given it one` })), { time: command.time, before: lbConditionOf(stored) });
  const attached = command.addresses.map((address, i): Event =>
    ({ type: 'lb-address.attached', data: { address, family: addresses[i]?.family ?? 'IPv4', lbPool: command.pool, service } }));
  return settled(command, next, stored, attached, state);
};

/** The addresses, when the Service waits for them still: of families that it lacks, one each, all of them where it needs all. */
const attachable = (command: AttachLoadBalancer, stored: ServiceObject, state: ClusterState): Address[] | undefined => {
  const lack = lackOf(stored);
  if (stored.metadata.uid !== command.uid || stored.metadata.resourceVersion !== String(command.wait) || lack === undefined) return undefined;
  if (state.lb.addressesOf(serviceKey(command.namespace, command.name)).length > 0) return undefined;
  const addresses = command.addresses.flatMap((text) => parseAddress(text) ?? []);
  const given = new Set(addresses.map(({ family }) => family));
  const isWanted = addresses.length > 0 && addresses.length === command.addresses.length && given.size === addresses.length && addresses.every(({ family }) => lack.families.includes(family));
  const request = lbRequestOf(stored);
  const isAll = given.size === lack.families.length || !request.needsAll;
  return isWanted && isAll && command.addresses.every((address) => isAskedFor({ address, lbPool: command.pool }, request)) ? addresses : undefined;
};

const ingressOf = ({ status }: ServiceObject): number => status.loadBalancer.ingress?.length ?? 0;

const unchanged = (document: string, state: ClusterState): Accepted =>
  ({ outcome: 'accepted', events: [], document, answer: readDocument(document, state.families[0]), status: 200, warnings: [] });

const settled = ({ dryRun }: { dryRun: boolean }, next: ServiceObject, stored: ServiceObject, claims: readonly Event[], state: ClusterState): Accepted => {
  if (!dryRun) next.metadata.resourceVersion = String(state.revision + claims.length + 1);
  const document = encodeService(next);
  const updated: Event = { type: 'service.updated', data: { service: refOf(stored), previous: previousOf(stored), object: next } };
  return { outcome: 'accepted', events: dryRun ? [] : [...claims, updated], document, answer: document, status: 200, warnings: [] };
};
