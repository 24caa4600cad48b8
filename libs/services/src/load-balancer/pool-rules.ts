import { formatAddress, formatCidr, parseAddress, parseCidrSloppy, type Address } from '@ipledger/ip';
import { clusterNameProblem, coolDownSecondsMax, specialRangeProblem, type ClusterDefinition, type DefinitionProblem } from '../cluster/definition.js';
import type { Accepted } from '../decision.js';
import type { Event, Reservation } from '../events.js';
import { formatRange, parseRange, type FamilyRange, type Pool } from '../pool/pool.js';
import { refuse } from '../rejection.js';
import { parseLabelSelector } from '../selectors/label-selector.js';
import type { ClusterState } from '../state.js';
import type { ConfigureLbPool, DeclareClusterLoadBalancing, DrainLbPool, LbPoolSettings, RemoveLbPool } from './commands.js';
import type { LbPool, LbRangeDrain } from './lb-pool.js';
import { sharedPoolLog } from './shared-log.js';

/** An address of an LB pool is found by going through its log's ranges: their number bounds that. */
const poolsMax = 64;
const rangesMax = 16;
const namesMax = 256;
const selectorCharsMax = 1024;
const priorityMax = 65_535;
const staticBandMax = 2 ** 31;

/** Makes an LB pool or changes it. What is held of it must stay in its ranges. */
export const configureLbPool = (command: ConfigureLbPool, state: ClusterState): Accepted => {
  const definition = state.definition ?? (command.settings.clusters === undefined ? refuse({ code: 'cluster_not_found', cluster: command.name }) : null);
  const pools = definition?.lbPools ?? [];
  const known = pools.find(({ name }) => name === command.pool);
  if (known !== undefined && command.existing === 'refuse') return refuse({ code: 'lb_pool_exists', pool: command.pool });
  if (known === undefined && command.existing === 'replace') return refuse({ code: 'lb_pool_not_found', pool: command.pool });
  const others = pools.filter(({ name }) => name !== command.pool);
  const problems = [...nameProblems(command, others), ...addressProblems(command.settings.addresses, definition, others), ...settingProblems(command.settings)];
  if (problems.length > 0) return refuse({ code: 'lb_pool_invalid', problems });
  const pool = poolOf(command, known);
  if (known !== undefined) refuseHeldOutside(pool, state);
  const same = known !== undefined && JSON.stringify(pool) === JSON.stringify(known);
  return accepted(command, known === undefined ? 201 : 200, same ? [] : [...reservationsOutside(pool, known, state), { type: 'lb-pool.configured', data: { pool } }]);
};

/** Reservations of the pool as it is that would not lie in one of its ranges any more: nobody could find them there, so they end with it. */
const reservationsOutside = (next: LbPool, known: LbPool | undefined, state: ClusterState): Event[] =>
  [...state.reservations.values()].filter(({ record }) => isWithin(record, known?.addresses ?? []) && !isWithin(record, next.addresses))
    .map(({ record }): Event => ({ type: 'reservation.released', data: { reservation: record, reason: 'released', service: null } }));

/** Whether a reservation lies in one of the ranges, whatever range it was made in: ranges may have been joined since. */
export const isWithin = ({ first, last }: Pick<Reservation, 'first' | 'last'>, ranges: readonly string[]): boolean => {
  const asked = parseRange(`${first}-${last}`);
  return asked !== undefined && ranges.some((text) => {
    const range = parseRange(text);
    return range?.family === asked.family && range.first <= asked.first && asked.last <= range.last;
  });
};

/** In one order of members, so that what says the same is the same text. */
const poolOf = ({ pool: name, settings, time }: ConfigureLbPool, known: LbPool | undefined): LbPool => {
  const addresses = settings.addresses.map((text) => formatRange(text, parseRange(text) as FamilyRange));
  // A drain is of addresses, however the range is written now.
  const drainOf = (range: string): LbRangeDrain[] => {
    const parsed = parseRange(range);
    return (known?.draining ?? []).filter((drain) => parsed !== undefined && sameRange(parsed, parseRange(drain.range))).map((drain) => ({ ...drain, range }));
  };
  return {
    name, addresses, draining: addresses.flatMap(drainOf),
    autoAssign: settings.autoAssign, priority: settings.priority, namespaces: [...new Set(settings.namespaces)], selector: settings.selector,
    staticBandAddresses: settings.staticBandAddresses, coolDownSeconds: settings.coolDownSeconds, createdAt: known?.createdAt ?? time.toISOString(),
    ...(settings.clusters !== undefined && { clusters: settings.clusters === 'all' ? 'all' : [...new Set(settings.clusters)] }),
  };
};

export const drainLbPool = (command: DrainLbPool, state: ClusterState): Accepted => {
  const pool = ownPool(command, state);
  const parsed = command.range === null ? undefined : parseRange(command.range);
  const asked = command.range === null ? pool.addresses : pool.addresses.filter((range) => parsed !== undefined && sameRange(parsed, parseRange(range)));
  if (asked.length === 0) return refuse({ code: 'lb_range_not_found', pool: pool.name, range: command.range ?? '' });
  const before = new Map(pool.draining.map((drain) => [drain.range, drain]));
  const since = command.time.toISOString();
  const drainOf = (range: string): LbRangeDrain[] => {
    const known = before.get(range);
    if (!asked.includes(range)) return known === undefined ? [] : [known];
    return command.drain ? [known ?? { range, since, held: heldIn(rangeIn(state, range), state) }] : [];
  };
  const draining = pool.addresses.flatMap(drainOf);
  const same = JSON.stringify(draining) === JSON.stringify(pool.draining);
  return accepted(command, 200, same ? [] : [{ type: 'lb-pool.configured', data: { pool: { ...pool, draining } } }]);
};

export const removeLbPool = (command: RemoveLbPool, state: ClusterState): Accepted => {
  const pool = ownPool(command, state);
  refuseHeldOutside({ ...pool, addresses: [] }, state);
  return accepted(command, 200, [...reservationsOutside({ ...pool, addresses: [] }, pool, state), { type: 'lb-pool.removed', data: { pool: pool.name } }]);
};

export const declareLoadBalancing = (command: DeclareClusterLoadBalancing, definition: ClusterDefinition): Accepted => {
  const { defaultLoadBalancer } = command;
  const same = defaultLoadBalancer === (definition.defaultLoadBalancer ?? false);
  return accepted(command, 200, same ? [] : [{ type: 'cluster.load-balancing-declared', data: { defaultLoadBalancer } }]);
};

const accepted = ({ dryRun }: { dryRun: boolean }, status: 200 | 201, events: readonly Event[]): Accepted =>
  ({ outcome: 'accepted', events: dryRun ? [] : events, status, warnings: [] });

const ownPool = ({ pool }: { pool: string }, state: ClusterState): LbPool =>
  state.definition?.lbPools?.find(({ name }) => name === pool) ?? refuse({ code: 'lb_pool_not_found', pool });

const nameProblems = ({ name: log, pool, settings: { clusters } }: ConfigureLbPool, others: readonly LbPool[]): DefinitionProblem[] => {
  if (log === sharedPoolLog(pool) && clusters === undefined) return [{ field: 'clusters', value: null, why: 'is needed: the pool is shared, and says which clusters it serves, ["a", "b"] or "all"' }];
  if (log !== sharedPoolLog(pool) && clusters !== undefined) return [{ field: 'clusters', value: clusters, why: 'cannot be said of a pool that belongs to one cluster; leave it out, or make a shared pool under another name' }];
  const why = clusterNameProblem(pool) ?? (others.length >= poolsMax ? `the cluster has ${poolsMax} LB pools already, which is the limit` : undefined);
  return why === undefined ? [] : [{ field: 'name', value: pool, why }];
};

const addressProblems = (texts: readonly string[], definition: ClusterDefinition | null, others: readonly LbPool[]): DefinitionProblem[] => {
  if (texts.length < 1 || texts.length > rangesMax) return [{ field: 'addresses', value: texts.length, why: `1 to ${rangesMax} are needed, such as ["203.0.113.0/24", "2001:db8::10-2001:db8::1f"]` }];
  const foreign = [...(definition?.serviceCIDRs ?? []).map((text) => ({ text, of: 'a Service CIDR of the cluster' })),
    ...others.flatMap(({ name, addresses }) => addresses.map((text) => ({ text, of: `of the LB pool ${name}` })))];
  return texts.flatMap((text, i): DefinitionProblem[] => {
    const range = parseRange(text);
    const known = [...foreign, ...texts.slice(0, i).map((other) => ({ text: other, of: 'which stands before it' }))];
    const why = range === undefined ? notOne(text) : rangeProblem(range, known);
    return why === undefined ? [] : [{ field: `addresses[${i}]`, value: text, why }];
  });
};

/** Why a text is no range, and what to write instead. */
const notOne = (text: string): string => {
  const sloppy = parseCidrSloppy(text);
  if (sloppy?.hostBits === true && !sloppy.leadingZeros && !sloppy.mapped)
    return `has bits set beyond the prefix length; write ${formatCidr(sloppy.cidr)} for the whole network, ${formatAddress(sloppy.address)} for the one address, or FIRST-LAST for a part`;
  const [from = '', to = '', ...more] = text.split('-');
  const [first, last] = [parseAddress(from), parseAddress(to)];
  if (first !== undefined && last !== undefined && more.length === 0) return first.family === last.family ? `ends before it begins; write ${to}-${from}` : 'has ends of two families; write one range for each';
  return 'is no CIDR, range or address; write 203.0.113.0/24, 203.0.113.10-203.0.113.19 or 2001:db8::10-2001:db8::1f';
};

const rangeProblem = (range: FamilyRange, known: readonly { text: string; of: string }[]): string | undefined => {
  if (range.count > 2n ** 64n) return 'is larger than a /64';
  const special = specialRangeProblem(range);
  if (special !== undefined) return special;
  const other = known.find(({ text }) => {
    const parsed = parseRange(text);
    return parsed !== undefined && parsed.family === range.family && parsed.first <= range.last && range.first <= parsed.last;
  });
  return other && `overlaps ${other.text}, ${other.of}; an address may be in one range only`;
};

const settingProblems = (settings: LbPoolSettings): DefinitionProblem[] => {
  const whole = (field: 'priority' | 'staticBandAddresses' | 'coolDownSeconds', max: number): DefinitionProblem[] => {
    const value = settings[field];
    return Number.isSafeInteger(value) && value >= 0 && value <= max ? [] : [{ field, value, why: `is not a whole number from 0 to ${max}` }];
  };
  return [
    ...whole('priority', priorityMax), ...whole('staticBandAddresses', staticBandMax), ...whole('coolDownSeconds', coolDownSecondsMax),
    ...nameList('namespaces', settings.namespaces, 0), ...(Array.isArray(settings.clusters) ? nameList('clusters', settings.clusters, 1) : []),
    ...selectorProblems(settings.selector),
  ];
};

const nameList = (field: string, names: readonly string[], min: number): DefinitionProblem[] => {
  if (names.length < min || names.length > namesMax) return [{ field, value: names.length, why: `has ${min} to ${namesMax} names` }];
  return names.flatMap((value, i) => {
    const why = clusterNameProblem(value);
    return why === undefined ? [] : [{ field: `${field}[${i}]`, value, why }];
  });
};

const selectorProblems = (selector: string | null): DefinitionProblem[] => {
  if (selector === null) return [];
  const parsed = selector.length > selectorCharsMax ? { failure: `has more than ${selectorCharsMax} characters` } : parseLabelSelector(selector);
  return 'failure' in parsed ? [{ field: 'selector', value: selector, why: `is no label selector: ${parsed.failure}` }] : [];
};

const sameRange = (a: FamilyRange, b: FamilyRange | undefined): boolean => b !== undefined && a.family === b.family && a.first === b.first && a.last === b.last;

const rangeIn = (state: ClusterState, text: string): Pool | undefined => state.lbRanges.find(({ name }) => name === text);
const heldIn = (range: Pool | undefined, state: ClusterState): number => (range === undefined ? 0 : state.taken[range.family].countWithin(range.range.first, range.range.last));

const addressesNamedMax = 10;

/** What is held of the pool as it is, and would be in none of its ranges. */
const refuseHeldOutside = (next: LbPool, state: ClusterState): void => {
  const ranges = next.addresses.flatMap((text) => parseRange(text) ?? []);
  const isInside = ({ family, value }: Address): boolean => ranges.some((range) => range.family === family && value >= range.first && value <= range.last);
  let held = 0;
  const first: string[] = [];
  for (const { family, range } of state.lbRanges.filter(({ lbPool }) => lbPool === next.name)) {
    for (const value of state.taken[family].values(range.first, range.last)) {
      if (isInside({ family, value })) continue;
      held++;
      if (first.length < addressesNamedMax) first.push(formatAddress({ family, value }));
    }
  }
  if (held > 0) refuse({ code: 'lb_pool_in_use', pool: next.name, held, first });
};
