import { formatAddress, parseAddress, type Family } from '@ipledger/ip';
import { clusterNameProblem, type DefinitionProblem } from '../cluster/definition.js';
import type { ReleaseReservation, ReserveAddresses } from '../commands.js';
import type { Accepted } from '../decision.js';
import { Draws } from '../draws.js';
import type { Event, Reservation } from '../events.js';
import { chooseAddress } from '../pool/choose.js';
import { isUsable, poolOf, type Pool } from '../pool/pool.js';
import { refuse } from '../rejection.js';
import type { ClusterState } from '../state.js';

/**
 * Reservations of single addresses are looked up one by one, ranges are stepped over when an address is chosen: their number
 * bounds that (see HeldBack).
 */
export const reservationsMax = { addresses: 10_000, ranges: 100 } as const;
/** Of one range: what fits a whole number everywhere it is shown. */
const rangeAddressesMax = 2n ** 48n;
const textCharsMax = 256;

/** Holds addresses back. What Services hold of a range stays with them; a single address must be free. */
export const reserveAddresses = (command: ReserveAddresses, state: ClusterState): Accepted => {
  refuseProblems([...textProblems(command), ...untilProblems(command)]);
  const { name: cluster, reservation: name, reason, owner } = command;
  if (state.reservations.has(name)) refuse({ code: 'reservation_exists', cluster, reservation: name });
  const { pool, first, last } = 'family' in command.wanted ? anyFree(command, command.wanted.family, state) : namedRange(command, command.wanted, state);
  refuseTooMany(cluster, first === last, state);
  const until = command.until === null ? null : new Date(command.until).toISOString();
  const text = (value: bigint): string => formatAddress({ family: pool.family, value });
  const reservation: Reservation = { name, family: pool.family, cidr: pool.name, first: text(first), last: text(last), reason, owner, until };
  return accepted(command, 201, [{ type: 'reservation.made', data: { reservation } }], reservation);
};

export const releaseReservation = (command: ReleaseReservation, state: ClusterState): Accepted => {
  const found = state.reservations.get(command.reservation) ?? refuse({ code: 'reservation_not_found', cluster: command.name, reservation: command.reservation });
  return accepted(command, 200, [{ type: 'reservation.released', data: { reservation: found.record, reason: 'released', service: null } }], found.record);
};

const accepted = (command: ReserveAddresses | ReleaseReservation, status: 200 | 201, events: readonly Event[], reservation: Reservation): Accepted =>
  ({ outcome: 'accepted', events: command.dryRun ? [] : events, answer: JSON.stringify(reservation), status, warnings: [] });

const refuseProblems = (problems: readonly DefinitionProblem[]): void => {
  if (problems.length > 0) refuse({ code: 'cluster_invalid', problems });
};

const textProblems = ({ reservation, reason, owner }: ReserveAddresses): DefinitionProblem[] => {
  const nameProblem = clusterNameProblem(reservation);
  return [
    ...(nameProblem === undefined ? [] : [{ field: 'name', value: reservation, why: nameProblem }]),
    ...Object.entries({ reason, owner }).flatMap(([field, value]) =>
      value.trim() === '' || value.length > textCharsMax || value.includes('\0') ? [{ field, value, why: `is needed, with at most ${textCharsMax} characters and no NUL: it tells people why the addresses are not handed out` }] : []),
  ];
};

const untilProblems = ({ until, time }: ReserveAddresses): DefinitionProblem[] => {
  if (until === null) return [];
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(until) && !Number.isNaN(Date.parse(until));
  if (!isTime) return [{ field: 'until', value: until, why: 'is not a time; write it as 2026-01-02T03:04:05Z, or leave it out' }];
  return Date.parse(until) > time.getTime() ? [] : [{ field: 'until', value: until, why: `lies in the past; it is ${time.toISOString()} now` }];
};

interface Found {
  pool: Pool;
  first: bigint;
  last: bigint;
}

/** The ranges that a reservation is made in: the Service CIDRs, or those of an LB pool. */
const poolsFor = ({ lbPool }: ReserveAddresses, state: ClusterState): readonly Pool[] => {
  if (lbPool === undefined) return state.pools;
  const ranges = state.lbRanges.filter((range) => range.lbPool === lbPool);
  return ranges.length > 0 ? ranges : refuse({ code: 'lb_pool_not_found', pool: lbPool });
};

const anyFree = (command: ReserveAddresses, family: Family, state: ClusterState): Found => {
  const chosen = chooseAddress(poolsFor(command, state).filter((pool) => pool.family === family), state.unavailable(family), new Draws(command.seed));
  if (chosen === undefined) return refuse({ code: 'pools_exhausted', cluster: command.name, family });
  return { pool: chosen.pool, first: chosen.value, last: chosen.value };
};

const namedRange = (command: ReserveAddresses, wanted: { first: string; last: string }, state: ClusterState): Found => {
  const [first, last] = [parseAddress(wanted.first), parseAddress(wanted.last)];
  const value = wanted.first === wanted.last ? wanted.first : `${wanted.first}-${wanted.last}`;
  const problem = (why: string): never => refuse({ code: 'cluster_invalid', problems: [{ field: 'addresses', value, why }] });
  if (first === undefined || last === undefined) return problem('is no address and no range; write 10.96.0.10, 10.96.0.10-10.96.0.19 or 10.96.0.16/28');
  if (first.family !== last.family || first.value > last.value) return problem('is no range: both ends are of one family, the lower one first');
  const pools = poolsFor(command, state);
  const pool = poolOf(pools, first);
  if (pool === undefined || poolOf(pools, last) !== pool) return problem(`does not lie in one ${command.lbPool === undefined ? 'CIDR of the cluster' : `range of the LB pool ${command.lbPool}`}`);
  // A CIDR at the edge of its pool has the network or broadcast address in it, which nobody can get anyway.
  const found = { pool, first: isUsable(pool, first.value) ? first.value : first.value + 1n, last: isUsable(pool, last.value) ? last.value : last.value - 1n };
  if (found.first > found.last) return problem(`can never be handed out: it is the network or broadcast address of ${pool.name}`);
  if (found.last - found.first >= rangeAddressesMax) return problem('is too large; one reservation has at most 2^48 addresses; to hand out nothing more, drain the CIDR');
  refuseOverlap(command, found, state);
  const single = found.first === found.last;
  if (single && state.taken[pool.family].has(found.first)) refuse({ code: 'address_held', cluster: command.name, address: formatAddress({ family: pool.family, value: found.first }) });
  return found;
};

const refuseOverlap = (command: ReserveAddresses, { pool: { family }, first, last }: Found, state: ClusterState): void => {
  const other = first === last ? state.reservationOf({ family, value: first })
    : [...state.reservations.values()].find((held) => held.record.family === family && held.first <= last && first <= held.last);
  if (other !== undefined) refuse({ code: 'reservation_overlaps', cluster: command.name, other: other.record.name });
};

const refuseTooMany = (cluster: string, single: boolean, state: ClusterState): void => {
  const kind = single ? 'addresses' : 'ranges';
  let count = 0;
  for (const { first, last } of state.reservations.values()) if ((first === last) === single) count++;
  if (count >= reservationsMax[kind]) refuse({ code: 'reservations_too_many', cluster, kind, max: reservationsMax[kind] });
};
