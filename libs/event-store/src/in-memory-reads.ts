import { compareAddresses, formatAddress, parseAddress } from '@ipledger/ip';
import type { Address } from '@ipledger/ip';
import { BadAppend } from './errors.js';
import type {
  Claim, ClusterHead, ClusterReader, CoolingAddress, Document, DocumentPage, LbAttachedKey, LbMemberKey, LogRow, PortClaim, RecordedRequest, ServiceKey, ServiceRevision, StoredLbAttached,
  StoredLbMember, StoredLbWaiting, StoredReservation,
} from './event-store.js';

/** One cluster as it stands. */
export interface ClusterState {
  readonly id: number;
  readonly name: string;
  revision: number;
  epoch: number;
  definition: string | null;
  readonly log: LogRow[];
  readonly commands: Map<string, number>; // command id -> revision of its last event
  readonly claims: Map<string, Claim>; // canonical address -> claim
  readonly portClaims: Map<number, PortClaim>;
  readonly documents: Map<string, Document>; // keyOf(Service) -> document
  readonly requests: Map<string, RecordedRequest>;
  readonly reservations: Map<string, StoredReservation>;
  readonly cooling: Map<string, CoolingAddress>; // canonical address -> cool-down
  readonly lbMembers: Map<string, StoredLbMember>; // lbMemberKeyOf
  readonly lbWaiting: Map<string, StoredLbWaiting>; // keyOf(Service)
  readonly lbAttached: Map<string, StoredLbAttached>; // lbAttachedKeyOf
}

/** The reads of the in-memory store, from whichever state the subclass says stands for a cluster. */
export abstract class MemoryReader implements ClusterReader {
  /** @returns undefined for an id that was never given out */
  protected abstract stateOf(clusterId: number): ClusterState | undefined;

  async head(clusterId: number): Promise<ClusterHead | undefined> {
    const state = this.stateOf(clusterId);
    return state && headOf(state);
  }

  async readLog(clusterId: number, after: number, limit: number): Promise<LogRow[]> {
    const log = this.stateOf(clusterId)?.log ?? [];
    const start = firstRowPast(log, after);
    return structuredClone(log.slice(start, start + limit));
  }

  async logRowAt(clusterId: number, revision: number): Promise<LogRow | undefined> {
    const log = this.stateOf(clusterId)?.log ?? [];
    const row = log[firstRowPast(log, revision - 1)];
    return revision < 1 ? undefined : structuredClone(row);
  }

  async logRowsAt(clusterId: number, revisions: readonly number[]): Promise<Map<number, LogRow>> {
    const found = new Map<number, LogRow>();
    for (const revision of revisions) {
      const row = await this.logRowAt(clusterId, revision);
      if (row !== undefined) found.set(revision, row);
    }
    return found;
  }

  async findCommands(clusterId: number, commandIds: readonly string[]): Promise<Map<string, number>> {
    const commands = this.stateOf(clusterId)?.commands;
    return new Map(commandIds.flatMap((text) => {
      const id = canonicalUuid(text);
      const revision = commands?.get(id);
      return revision === undefined ? [] : [[id, revision] as const];
    }));
  }

  async documents(clusterId: number, keys: readonly ServiceKey[]): Promise<Document[]> {
    const wanted = new Set(keys.map(keyOf));
    const stored = this.stateOf(clusterId)?.documents;
    return [...wanted].flatMap((key) => stored?.get(key) ?? []);
  }

  async listDocuments(clusterId: number, page: DocumentPage): Promise<Document[]> {
    const { namespace, after, limit } = page;
    return this.#documents(clusterId, namespace, after).slice(0, limit);
  }

  async countDocuments(clusterId: number, namespace?: string): Promise<number> {
    return this.#documents(clusterId, namespace).length;
  }

  async listServiceRevisions(clusterId: number, after: ServiceKey | undefined, limit: number): Promise<ServiceRevision[]> {
    return this.#documents(clusterId, undefined, after).slice(0, limit)
      .map(({ namespace, name, revision }) => ({ namespace, name, revision }));
  }

  async requests(clusterId: number, keys: readonly string[]): Promise<RecordedRequest[]> {
    const stored = this.stateOf(clusterId)?.requests;
    return [...new Set(keys)].flatMap((key) => structuredClone(stored?.get(key)) ?? []);
  }

  async claim(clusterId: number, address: string): Promise<Claim | undefined> {
    return structuredClone(this.stateOf(clusterId)?.claims.get(canonical(address)));
  }

  async listClaims(clusterId: number, after: string | undefined, limit: number): Promise<Claim[]> {
    const start = after === undefined ? undefined : readAddress(after);
    return structuredClone(this.#claims(clusterId)
      .filter(({ address }) => start === undefined || compareAddresses(address, start) > 0)
      .slice(0, limit).map(({ claim }) => claim));
  }

  async listClaimedAddresses(clusterId: number, after: string | undefined, limit: number): Promise<string[]> {
    return (await this.listClaims(clusterId, after, limit)).map(({ address }) => address);
  }

  async countClaims(clusterId: number, first: string, last: string): Promise<number> {
    const [from, to] = [readAddress(first), readAddress(last)];
    return this.#claims(clusterId).filter(({ address }) => compareAddresses(address, from) >= 0 && compareAddresses(address, to) <= 0).length;
  }

  async listPortClaims(clusterId: number, after: number | undefined, limit: number): Promise<PortClaim[]> {
    return [...(this.stateOf(clusterId)?.portClaims.values() ?? [])]
      .filter(({ port }) => after === undefined || port > after)
      .sort((a, b) => a.port - b.port)
      .slice(0, limit).map((claim) => ({ ...claim }));
  }

  async listReservations(clusterId: number, after: string | undefined, limit: number): Promise<StoredReservation[]> {
    return structuredClone([...(this.stateOf(clusterId)?.reservations.values() ?? [])]
      .filter(({ name }) => after === undefined || compareBytes(name, after) > 0)
      .sort((a, b) => compareBytes(a.name, b.name)).slice(0, limit));
  }

  async reservation(clusterId: number, name: string): Promise<StoredReservation | undefined> {
    return structuredClone(this.stateOf(clusterId)?.reservations.get(name));
  }

  async listCooling(clusterId: number, after: string | undefined, limit: number): Promise<CoolingAddress[]> {
    const start = after === undefined ? undefined : readAddress(after);
    return structuredClone([...(this.stateOf(clusterId)?.cooling.values() ?? [])]
      .filter(({ address }) => start === undefined || compareAddresses(readAddress(address), start) > 0)
      .sort((a, b) => compareAddresses(readAddress(a.address), readAddress(b.address))).slice(0, limit));
  }

  async countHeldBack(clusterId: number, first: string, last: string, at: Date): Promise<{ reserved: bigint; coolingDown: bigint }> {
    const state = this.stateOf(clusterId);
    const [from, to] = [readAddress(first), readAddress(last)];
    const counted = { reserved: 0n, coolingDown: 0n };
    const cuts = [...(state?.reservations.values() ?? [])]
      .filter(({ family, until }) => family === from.family && (until === null || new Date(until) > at))
      .map((reservation) => ({ first: max(readAddress(reservation.first).value, from.value), last: min(readAddress(reservation.last).value, to.value) }))
      .filter((cut) => cut.first <= cut.last);
    const isIn = ({ family, value }: Address, cut: { first: bigint; last: bigint }): boolean => family === from.family && value >= cut.first && value <= cut.last;
    for (const cut of cuts) counted.reserved += cut.last - cut.first + 1n - BigInt(this.#claims(clusterId).filter(({ address }) => isIn(address, cut)).length);
    for (const { address, until } of state?.cooling.values() ?? []) {
      const parsed = readAddress(address);
      const isCounted = until > at && isIn(parsed, { first: from.value, last: to.value }) && state?.claims.has(address) === false && !cuts.some((cut) => isIn(parsed, cut));
      if (isCounted) counted.coolingDown++;
    }
    return counted;
  }

  async heldBack(clusterId: number, address: string, at: Date): Promise<{ reservation: StoredReservation | undefined; cooling: CoolingAddress | undefined }> {
    const state = this.stateOf(clusterId);
    const { family, value } = readAddress(address);
    const reservation = [...(state?.reservations.values() ?? [])].find((held) =>
      held.family === family && (held.until === null || new Date(held.until) > at) && readAddress(held.first).value <= value && value <= readAddress(held.last).value);
    const cooling = state?.cooling.get(address);
    return structuredClone({ reservation, cooling: cooling !== undefined && cooling.until > at ? cooling : undefined });
  }

  async listLbMembers(clusterId: number, after: LbMemberKey | undefined, limit: number): Promise<StoredLbMember[]> {
    return structuredClone([...(this.stateOf(clusterId)?.lbMembers.values() ?? [])]
      .filter((member) => after === undefined || compareMembers(member, after) > 0)
      .sort(compareMembers).slice(0, limit));
  }

  async lbMembers(clusterId: number, address: string): Promise<StoredLbMember[]> {
    return (await this.listLbMembers(clusterId, undefined, Infinity)).filter((member) => member.address === canonical(address));
  }

  async listLbWaiting(clusterId: number, after: ServiceKey | undefined, limit: number, but?: string): Promise<StoredLbWaiting[]> {
    return structuredClone([...(this.stateOf(clusterId)?.lbWaiting.values() ?? [])]
      .filter((waiting) => waiting.reason !== but && (after === undefined || compareKeys(waiting, after) > 0))
      .sort(compareKeys).slice(0, limit));
  }

  async listLbAttached(clusterId: number, after: LbAttachedKey | undefined, limit: number): Promise<StoredLbAttached[]> {
    return structuredClone([...(this.stateOf(clusterId)?.lbAttached.values() ?? [])]
      .filter((attached) => after === undefined || compareAttached(attached, after) > 0)
      .sort(compareAttached).slice(0, limit));
  }

  async lbAttachedOf(clusterId: number, keys: readonly ServiceKey[]): Promise<StoredLbAttached[]> {
    const wanted = new Set(keys.map(keyOf));
    return (await this.listLbAttached(clusterId, undefined, Infinity)).filter((attached) => wanted.has(keyOf(attached)));
  }

  #claims(clusterId: number): { address: Address; claim: Claim }[] {
    return [...(this.stateOf(clusterId)?.claims.values() ?? [])]
      .map((claim) => ({ address: readAddress(claim.address), claim }))
      .sort((a, b) => compareAddresses(a.address, b.address));
  }

  #documents(clusterId: number, namespace?: string, after?: ServiceKey): Document[] {
    return [...(this.stateOf(clusterId)?.documents.values() ?? [])]
      .filter((document) => namespace === undefined || document.namespace === namespace)
      .filter((document) => after === undefined || compareKeys(document, after) > 0)
      .sort(compareKeys).map((document) => ({ ...document }));
  }
}

export function headOf({ id, name, revision, epoch, definition }: ClusterState): ClusterHead {
  return { id, name, revision, epoch, definition };
}

/** Neither part may hold U+0000 (the store refuses it), so no two keys can collide. */
export function keyOf({ namespace, name }: ServiceKey): string {
  return `${namespace}\u0000${name}`;
}

/** @throws BadAppend like the database, which refuses the text as an inet (22P02) */
export function canonical(text: string): string {
  return formatAddress(readAddress(text));
}

export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function compareKeys(a: ServiceKey, b: ServiceKey): number {
  return compareBytes(a.namespace, b.namespace) || compareBytes(a.name, b.name);
}

export function compareMembers(a: LbMemberKey, b: LbMemberKey): number {
  return compareAddresses(readAddress(a.address), readAddress(b.address)) || compareBytes(a.cluster, b.cluster) || compareKeys(a, b);
}

function compareAttached(a: LbAttachedKey, b: LbAttachedKey): number {
  return compareBytes(a.pool, b.pool) || compareAddresses(readAddress(a.address), readAddress(b.address)) || compareKeys(a, b);
}

export function lbMemberKeyOf(key: LbMemberKey): string {
  return `${canonical(key.address)}\u0000${key.cluster}\u0000${keyOf(key)}`;
}

export function lbAttachedKeyOf(key: LbAttachedKey): string {
  return `${key.pool}\u0000${canonical(key.address)}\u0000${keyOf(key)}`;
}

export function canonicalUuid(text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) throw new BadAppend(`"${text}" is no UUID`);
  return text.toLowerCase();
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function readAddress(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new BadAppend(`"${text}" is no address`);
  return address;
}

function firstRowPast(log: readonly LogRow[], after: number): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((log[middle]?.revision ?? 0) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
