import type { StoredReservation } from '@ipledger/event-store';
import { formatAddress, parseCidr, type Family } from '@ipledger/ip';
import type { Reservation, ReserveAddresses } from '@ipledger/services';
import { invalidRequest, type ReservationBody } from './requests.js';

/** A reservation as `/v1` shows it. */
export type ReservationView = Reservation & { createdAt: string; revision: number };

/** Rows stay a while after their time: see the purge. */
export const lasts = ({ until }: StoredReservation): boolean => until === null || Date.parse(until) > Date.now();

export const reservationView = ({ createdAt, ...reservation }: StoredReservation): ReservationView => ({ ...reservation, createdAt: createdAt.toISOString() });

export const wantedIn = ({ addresses, family }: ReservationBody): ReserveAddresses['wanted'] => {
  if (addresses !== undefined && family !== undefined) throw invalidRequest('family', family, 'goes without addresses: it asks for any free address');
  if (family !== undefined) return { family };
  if (addresses === undefined) throw invalidRequest('addresses', null, 'is needed: 10.96.0.10, 10.96.0.10-10.96.0.19 or 10.96.0.16/28; or a family, for any free address');
  const cidr = parseCidr(addresses);
  if (cidr !== undefined) return rangeOf(cidr);
  const [first = '', last = first] = addresses.split('-').map((text) => text.trim());
  return { first, last };
};

const rangeOf = ({ family, first, last }: { family: Family; first: bigint; last: bigint }): { first: string; last: string } =>
  ({ first: formatAddress({ family, value: first }), last: formatAddress({ family, value: last }) });

export const untilIn = ({ until, seconds }: ReservationBody, now: Date): string | null => {
  if (until !== undefined && seconds !== undefined) throw invalidRequest('seconds', seconds, 'goes without until');
  return seconds === undefined ? (until ?? null) : new Date(now.getTime() + seconds * 1000).toISOString();
};
