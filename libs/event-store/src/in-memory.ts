import { BadAppend, ClaimConflict, RevisionConflict, StoreUnavailable } from './errors.js';
import type { StoreError } from './errors.js';
import type { AppendBatch, Claim, ClusterHead, ClusterTip, EventStore, LbUnattached, LbWaits, LockedSession, LogRow, NewLogRow } from './event-store.js';
import { compareUnattached, unattachedOf, waitsOf } from './in-memory-lb.js';
import { canonical, canonicalUuid, compareBytes, headOf, keyOf, lbAttachedKeyOf, lbMemberKeyOf, MemoryReader } from './in-memory-reads.js';
import type { ClusterState } from './in-memory-reads.js';

/**
 * The same promise as the Postgres store, in the memory of one process: for fast tests of what stands above the store.
 * Both run `test/event-store.contract.ts`.
 */
export class InMemoryEventStore extends MemoryReader implements EventStore {
  readonly #clusters = new Map<number, ClusterState>();
  readonly #byName = new Map<string, number>(); // name -> cluster id, from 1
  readonly #turns = new Map<number, Promise<unknown>>(); // cluster id -> the last turn that was queued
  #epoch = 1;
  #closed = false;

  async clusters(): Promise<ClusterHead[]> {
    this.#assertOpen();
    return [...this.#clusters.values()].map(headOf).sort((a, b) => compareBytes(a.name, b.name));
  }

  async clustersBeginning(prefix: string): Promise<ClusterHead[]> {
    return (await this.clusters()).filter(({ name }) => name.startsWith(prefix));
  }

  async clustersDefining(text: string): Promise<ClusterHead[]> {
    return (await this.clusters()).filter(({ definition }) => definition?.includes(text) === true);
  }

  async tips(): Promise<ClusterTip[]> {
    return (await this.clusters()).filter(({ revision }) => revision > 0).map(({ id, name, revision, epoch }) => ({ id, name, revision, epoch }));
  }

  async pulse(): Promise<string> {
    return (await this.tips()).map(({ revision, epoch }) => `${epoch}/${revision}`).join();
  }

  async clusterByName(name: string): Promise<ClusterHead | undefined> {
    return this.#headByName(name);
  }

  async nameCluster(name: string): Promise<ClusterHead> {
    const known = this.#headByName(name);
    if (known !== undefined) return known;
    assertStorable(name);
    const cluster = newCluster(this.#clusters.size + 1, name, this.#epoch);
    this.#clusters.set(cluster.id, cluster);
    this.#byName.set(name, cluster.id);
    return headOf(cluster);
  }

  async append(batch: AppendBatch): Promise<void> {
    const copy = structuredClone(batch); // as sent: what the caller changes afterwards changes nothing here
    await this.#inTurn(batch.clusterId, async () => apply(this.stateOf(batch.clusterId), copy));
  }

  async locked<T>(clusterId: number, work: (session: LockedSession) => Promise<T>, known?: number): Promise<T> {
    return this.#inTurn(clusterId, async () => {
      const state = this.stateOf(clusterId);
      if (state === undefined) throw new BadAppend(`there is no cluster ${clusterId} to lock`);
      const missed = known === undefined ? [] : await this.readLog(clusterId, known, missedMax);
      const session = new MemorySession(state, missed, (id) => this.stateOf(id));
      const result = await work(session);
      this.#clusters.set(clusterId, session.end());
      return result;
    });
  }

  async raiseEpoch(): Promise<number> {
    this.#assertOpen();
    this.#epoch += 1;
    const epoch = this.#epoch;
    const ids = [...this.#clusters.keys()];
    await Promise.all(ids.map((id) => this.#inTurn(id, async () => {
      const state = this.stateOf(id);
      if (state !== undefined) state.epoch = epoch;
    })));
    return ids.length;
  }

  async lbWaits(): Promise<LbWaits[]> {
    this.#assertOpen();
    return waitsOf([...this.#clusters.values()]);
  }

  async lbUnattached(logPrefix: string, limit: number, after?: LbUnattached): Promise<LbUnattached[]> {
    this.#assertOpen();
    return structuredClone(unattachedOf([...this.#clusters.values()], logPrefix).filter((one) => after === undefined || compareUnattached(one, after) > 0).slice(0, limit));
  }

  async purgeRequests(before: Date, limit: number): Promise<number> {
    this.#assertOpen();
    const old = [...this.#clusters.values()].flatMap(({ requests }) =>
      [...requests.values()].filter(({ createdAt }) => createdAt < before).map(({ key }) => ({ requests, key })));
    const purged = old.slice(0, limit);
    for (const { requests, key } of purged) requests.delete(key);
    return purged.length;
  }

  async purgeEnded(before: Date, limit: number): Promise<number> {
    this.#assertOpen();
    const purge = <Key, Row>(tables: readonly Map<Key, Row>[], ended: (row: Row) => boolean): number => {
      const old = tables.flatMap((table) => [...table].filter(([, row]) => ended(row)).map(([key]) => ({ table, key }))).slice(0, limit);
      for (const { table, key } of old) table.delete(key);
      return old.length;
    };
    const states = [...this.#clusters.values()];
    return purge(states.map(({ reservations }) => reservations), ({ until }) => until !== null && new Date(until) < before)
      + purge(states.map(({ cooling }) => cooling), ({ until }) => until < before);
  }

  async ping(): Promise<void> {
    this.#assertOpen();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  protected stateOf(clusterId: number): ClusterState | undefined {
    this.#assertOpen();
    return this.#clusters.get(clusterId);
  }

  #headByName(name: string): ClusterHead | undefined {
    this.#assertOpen();
    const state = this.#clusters.get(this.#byName.get(name) ?? 0);
    return state && headOf(state);
  }

  /** One turn at a time for each cluster, in the order they asked: what the row lock does in Postgres. */
  #inTurn<T>(clusterId: number, turn: () => Promise<T>): Promise<T> {
    const last = this.#turns.get(clusterId) ?? Promise.resolve();
    const result = last.then(turn);
    this.#turns.set(clusterId, result.catch(() => undefined));
    return result;
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreUnavailable('the store is closed');
  }
}

/** Rows of the log that are read along with a lock. */
const missedMax = 1_000;

/** Appends go to a copy that replaces the cluster's state when the lock commits; until then others read the old one. */
class MemorySession extends MemoryReader implements LockedSession {
  readonly locked: ClusterHead;
  readonly #others: (clusterId: number) => ClusterState | undefined;
  #state: ClusterState;
  #copied = false;
  #failure: StoreError | undefined;

  constructor(state: ClusterState, readonly missed: readonly LogRow[], others: (clusterId: number) => ClusterState | undefined) {
    super();
    this.locked = headOf(state);
    this.#state = state;
    this.#others = others;
  }

  async append(batch: AppendBatch): Promise<void> {
    if (batch.clusterId !== this.locked.id) throw new BadAppend(`cluster ${batch.clusterId} is not the locked one`);
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#copied) this.#state = copyOf(this.#state);
    this.#copied = true;
    try {
      apply(this.#state, structuredClone(batch));
    } catch (error) {
      this.#failure = error as StoreError;
      throw error;
    }
  }

  appendLast(batch: AppendBatch): Promise<void> {
    return this.append(batch);
  }

  /** @throws the error of the append that failed, even if `work` swallowed it: Postgres would have nothing to commit either */
  end(): ClusterState {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#state;
  }

  protected stateOf(clusterId: number): ClusterState | undefined {
    return clusterId === this.locked.id ? this.#state : this.#others(clusterId);
  }
}

/** All or nothing: everything that can be refused is checked before the first change. */
function apply(state: ClusterState | undefined, batch: AppendBatch): void {
  if (state === undefined || state.revision !== batch.at || state.epoch !== batch.epoch) {
    throw new RevisionConflict(batch.clusterId, batch.at);
  }
  assertStorable(batch);
  const rows = logRows(batch);
  const { taken, moved, released } = canonicalClaims(batch.claims);
  assertAcceptable(state, batch, rows, taken);

  for (const row of rows) {
    state.log.push(row);
    state.commands.set(row.command.id, row.revision);
    state.revision = row.revision;
  }
  for (const address of released) state.claims.delete(address);
  for (const claim of [...taken, ...moved]) state.claims.set(claim.address, claim);
  for (const port of batch.portClaims.released) state.portClaims.delete(port);
  for (const claim of [...batch.portClaims.taken, ...batch.portClaims.moved]) state.portClaims.set(claim.port, claim);
  applyHeldBack(state, batch);
  applyLb(state, batch);
  for (const key of batch.documents.removed) state.documents.delete(keyOf(key));
  for (const document of batch.documents.written) state.documents.set(keyOf(document), document);
  for (const request of batch.requests) state.requests.set(request.key, { ...request, commandId: canonicalUuid(request.commandId) });
  if (batch.definition !== undefined) state.definition = batch.definition;
}

function applyHeldBack(state: ClusterState, { reservations, cooling }: AppendBatch): void {
  for (const name of reservations?.ended ?? []) state.reservations.delete(name);
  for (const reservation of reservations?.made ?? []) state.reservations.set(reservation.name, reservation);
  if (cooling?.cleared === true) state.cooling.clear();
  for (const address of cooling?.started ?? []) state.cooling.set(canonical(address.address), { ...address, address: canonical(address.address) });
}

function applyLb(state: ClusterState, { lb }: AppendBatch): void {
  for (const key of lb?.members.left ?? []) state.lbMembers.delete(lbMemberKeyOf(key));
  for (const member of lb?.members.held ?? []) state.lbMembers.set(lbMemberKeyOf(member), member);
  for (const key of lb?.waiting.left ?? []) state.lbWaiting.delete(keyOf(key));
  for (const waiting of lb?.waiting.held ?? []) state.lbWaiting.set(keyOf(waiting), waiting);
  for (const key of lb?.attached.left ?? []) state.lbAttached.delete(lbAttachedKeyOf(key));
  for (const attached of lb?.attached.held ?? []) state.lbAttached.set(lbAttachedKeyOf(attached), attached);
}

function assertAcceptable(state: ClusterState, batch: AppendBatch, rows: readonly LogRow[], taken: readonly Claim[]): void {
  if (rows.some(({ eventCount }) => eventCount < 1)) throw new BadAppend('a command without events');
  const commandIds = rows.map(({ command }) => command.id);
  if (commandIds.some((id) => state.commands.has(id)) || hasTwins(commandIds)) throw new BadAppend('a command id is in the log already');
  const keys = batch.requests.map(({ key }) => key);
  if (keys.some((key) => state.requests.has(key)) || hasTwins(keys)) throw new BadAppend('an idempotency key is recorded already');
  for (const { address } of taken) {
    if (state.claims.has(address)) throw new ClaimConflict(state.id, address);
  }
  if (hasTwins(taken.map(({ address }) => address))) throw new ClaimConflict(state.id, 'an address');
  for (const { port } of batch.portClaims.taken) {
    if (state.portClaims.has(port)) throw new ClaimConflict(state.id, `port ${port}`);
  }
  if (hasTwins(batch.portClaims.taken.map(({ port }) => port))) throw new ClaimConflict(state.id, 'a port');
}

function logRows({ clusterId, at, epoch, rows }: AppendBatch): LogRow[] {
  let revision = at;
  return rows.map(({ time, command, eventCount, events }: NewLogRow) => {
    revision += eventCount;
    return { clusterId, revision, eventCount, epoch, time, command: { ...command, id: canonicalUuid(command.id) }, events };
  });
}

function canonicalClaims({ taken, moved, released }: AppendBatch['claims']) {
  const inCanonicalText = (claim: Claim): Claim => ({ ...claim, address: canonical(claim.address) });
  return { taken: taken.map(inCanonicalText), moved: moved.map(inCanonicalText), released: released.map(canonical) };
}

/** Postgres text holds neither U+0000 nor half of a surrogate pair. */
function assertStorable(value: unknown): void {
  if (typeof value === 'string' && /[\u0000\p{Surrogate}]/u.test(value)) {
    throw new BadAppend('a text with U+0000 or a lone surrogate cannot be stored');
  }
  if (typeof value === 'object' && value !== null && !(value instanceof Date)) Object.values(value).forEach(assertStorable);
}

function hasTwins(values: readonly unknown[]): boolean {
  return new Set(values).size < values.length;
}

function newCluster(id: number, name: string, epoch: number): ClusterState {
  return {
    id, name, revision: 0, epoch, definition: null, log: [],
    commands: new Map(), claims: new Map(), portClaims: new Map(), documents: new Map(), requests: new Map(),
    reservations: new Map(), cooling: new Map(), lbMembers: new Map(), lbWaiting: new Map(), lbAttached: new Map(),
  };
}

function copyOf(state: ClusterState): ClusterState {
  return {
    ...state, log: [...state.log], commands: new Map(state.commands), claims: new Map(state.claims),
    portClaims: new Map(state.portClaims), documents: new Map(state.documents), requests: new Map(state.requests),
    reservations: new Map(state.reservations), cooling: new Map(state.cooling),
    lbMembers: new Map(state.lbMembers), lbWaiting: new Map(state.lbWaiting), lbAttached: new Map(state.lbAttached),
  };
}
