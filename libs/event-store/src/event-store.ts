/**
 * The log of each cluster, and what is derived from it in the same commit: claims, port claims, documents, idempotency
 * keys. The store knows clusters, events, claims and documents as data; it knows no Service rules.
 *
 * The promise: an append is one commit, guarded by the cluster's counter row; revisions are gapless and commit-ordered;
 * a reader that asks for `revision > checkpoint` never misses one; no address and no port is claimed twice.
 */
export interface EventStore extends ClusterReader {
  /** Every cluster that was ever named, by name; those never registered or removed have `definition: null`. */
  clusters(): Promise<ClusterHead[]>;
  clusterByName(name: string): Promise<ClusterHead | undefined>;
  /** Those whose names begin so, registered or not, by name. */
  clustersBeginning(prefix: string): Promise<ClusterHead[]>;
  /** Those whose definition has a text in it, in order of name. */
  clustersDefining(text: string): Promise<ClusterHead[]>;
  /** How far the log of each cluster reaches, by name; without those that have no event. */
  tips(): Promise<ClusterTip[]>;
  /** A text that changes whenever anything is appended or the epoch is raised: one small row, to be asked many times a second. */
  pulse(): Promise<string>;
  /**
   * The id of a name, made at revision 0 if the name is new. A row at revision 0 is no trace of anything: it is the same
   * as an unknown name to every reader.
   */
  nameCluster(name: string): Promise<ClusterHead>;

  /**
   * Appends a batch in one statement and one commit, on condition that the cluster is still at `at` in `epoch`.
   * @throws RevisionConflict  another append came first; nothing was written
   * @throws ClaimConflict     a claim or port claim exists already: the caller's memory is wrong; nothing was written
   * @throws BadAppend         the database refused a value (SQLSTATE 22xxx, 23xxx, 54xxx); nothing was written
   * @throws OutcomeUnknown    the connection was lost after the statement was sent: look the command ids up
   * @throws StoreUnavailable  nothing was written
   */
  append(batch: AppendBatch): Promise<void>;

  /**
   * Takes the cluster's row first and holds it to the end of `work`: what `work` reads stays true until its append commits.
   * Two statements on purpose: one statement's snapshot predates its wait for the row (design D4).
   * Commits when `work` resolves, rolls back when it rejects. A session append that failed fails the whole, with its error,
   * even if `work` swallows it.
   * @param known  a revision that the caller has folded: what came after it is read along with the lock
   * @throws BadAppend  there is no such cluster
   */
  locked<T>(clusterId: number, work: (session: LockedSession) => Promise<T>, known?: number): Promise<T>;

  /**
   * Raises the epoch of the log by one, of every cluster and of those named later; answers how many clusters there are. Run after the database was restored from a
   * backup: revisions may then be used again, and only the epoch tells readers the two apart (design D7).
   */
  raiseEpoch(): Promise<number>;

  /** In which clusters Services lack addresses of LB pools, by cluster and reason. */
  lbWaits(): Promise<LbWaits[]>;
  /**
   * What logs whose names are `logPrefix` and the name of a shared pool have claimed, and the Services have not attached; first what no
   * Service waits for, what is one Service's together. After one of them, at most `limit`. Claims, attachments and waits are of one snapshot: the release of a claim rests on that (ADR 0004).
   */
  lbUnattached(logPrefix: string, limit: number, after?: LbUnattached): Promise<LbUnattached[]>;

  /** Deletes at most `limit` idempotency rows created before `before`; answers how many. */
  purgeRequests(before: Date, limit: number): Promise<number>;

  /** Deletes at most `limit` reservations and as many cool-downs that ended before `before`; answers how many. */
  purgeEnded(before: Date, limit: number): Promise<number>;

  /** Resolves when the database answers. @throws StoreUnavailable */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What can be read of a cluster: from the pool, or inside a lock. */
export interface ClusterReader {
  head(clusterId: number): Promise<ClusterHead | undefined>;
  /** Log rows whose last revision is > `after`, in order, at most `limit` rows. */
  readLog(clusterId: number, after: number, limit: number): Promise<LogRow[]>;
  /** The log row that holds the event with this revision. */
  logRowAt(clusterId: number, revision: number): Promise<LogRow | undefined>;
  /** The log rows that hold events with these revisions, by the revision that was asked for, in one round trip. */
  logRowsAt(clusterId: number, revisions: readonly number[]): Promise<Map<number, LogRow>>;
  /** Which of these commands are in the log: command id -> revision of its last event. Resolves an OutcomeUnknown. */
  findCommands(clusterId: number, commandIds: readonly string[]): Promise<Map<string, number>>;
  /** Documents by key, in one round trip; a missing Service is missing in the answer. */
  documents(clusterId: number, keys: readonly ServiceKey[]): Promise<Document[]>;
  /** Documents in order of (namespace, name) as bytes, after a key, in one namespace or in all. At most `limit`. */
  listDocuments(clusterId: number, page: DocumentPage): Promise<Document[]>;
  countDocuments(clusterId: number, namespace?: string): Promise<number>;
  /** Idempotency rows by key, in one round trip. */
  requests(clusterId: number, keys: readonly string[]): Promise<RecordedRequest[]>;
  claim(clusterId: number, address: string): Promise<Claim | undefined>;
  /** Claims in order of address, after an address; at most `limit`. */
  listClaims(clusterId: number, after: string | undefined, limit: number): Promise<Claim[]>;
  /** The same, but the addresses only (canonical): what loading a cluster needs of a million claims. */
  listClaimedAddresses(clusterId: number, after: string | undefined, limit: number): Promise<string[]>;
  /** How many claims lie from `first` to `last`, both included and of one family. */
  countClaims(clusterId: number, first: string, last: string): Promise<number>;
  /** Port claims in order of port, after a port; at most `limit`. */
  listPortClaims(clusterId: number, after: number | undefined, limit: number): Promise<PortClaim[]>;
  /** Reservations in order of name, after a name; at most `limit`. Those that have ended may be among them. */
  listReservations(clusterId: number, after: string | undefined, limit: number): Promise<StoredReservation[]>;
  reservation(clusterId: number, name: string): Promise<StoredReservation | undefined>;
  /** Addresses that cool down, in order of address, after an address; at most `limit`. Claimed ones and ended ones may be among them. */
  listCooling(clusterId: number, after: string | undefined, limit: number): Promise<CoolingAddress[]>;
  /**
   * How many unclaimed addresses from `first` to `last` are reserved, and how many others cool down, at a time. Both ends
   * included, of one family; whether a pool has a cool-down at all is for the caller to know.
   */
  countHeldBack(clusterId: number, first: string, last: string, at: Date): Promise<{ reserved: bigint; coolingDown: bigint }>;
  /** What keeps one address from being handed out at a time; of a claimed one, what kept it. Whether its pool has a cool-down at all is for the caller to know. */
  heldBack(clusterId: number, address: string, at: Date): Promise<{ reservation: StoredReservation | undefined; cooling: CoolingAddress | undefined }>;
  /** Who has addresses of LB pools of this log, in order of (address, cluster, namespace, name), after a key; at most `limit`. */
  listLbMembers(clusterId: number, after: LbMemberKey | undefined, limit: number): Promise<StoredLbMember[]>;
  /** Who has one address of an LB pool. */
  lbMembers(clusterId: number, address: string): Promise<StoredLbMember[]>;
  /** Services that lack addresses of LB pools, in key order, after a key; at most `limit`. `but`: not those of this reason. */
  listLbWaiting(clusterId: number, after: ServiceKey | undefined, limit: number, but?: string): Promise<StoredLbWaiting[]>;
  /** What Services have of shared LB pools, in order of (pool, address, namespace, name), after a key; at most `limit`. */
  listLbAttached(clusterId: number, after: LbAttachedKey | undefined, limit: number): Promise<StoredLbAttached[]>;
  /** What some Services have of shared LB pools, in one round trip. */
  lbAttachedOf(clusterId: number, keys: readonly ServiceKey[]): Promise<StoredLbAttached[]>;
  /** (namespace, name, revision) of the Services in key order, after a key: for loading state. At most `limit`. */
  listServiceRevisions(clusterId: number, after: ServiceKey | undefined, limit: number): Promise<ServiceRevision[]>;
}

/** Inside a lock. `head` is the state of the row as locked. */
export interface LockedSession extends ClusterReader {
  readonly locked: ClusterHead;
  /** The first 1,000 rows of the log after the revision that the caller said he knows; none when he said nothing. */
  readonly missed: readonly LogRow[];
  append(batch: AppendBatch): Promise<void>;
  /**
   * Appends and commits in one round trip. It must be the only append of the lock, and the last call of `work`, which cannot take it back.
   * @throws as `EventStore.append` does, `OutcomeUnknown` too
   */
  appendLast(batch: AppendBatch): Promise<void>;
}

export interface ServiceKey {
  readonly namespace: string;
  readonly name: string;
}

export interface ClusterTip {
  readonly id: number;
  readonly name: string;
  /** Revision of the last event, at least 1. */
  readonly revision: number;
  readonly epoch: number;
}

export interface ClusterHead {
  readonly id: number;
  readonly name: string;
  /** Revision of the last event; 0 = never registered. */
  readonly revision: number;
  readonly epoch: number;
  /** JSON of the cluster's definition as of `revision`, or null while it is not registered. */
  readonly definition: string | null;
}

/** One command in the log. Its events have the revisions `revision - eventCount + 1` to `revision`. */
export interface LogRow {
  readonly clusterId: number;
  readonly revision: number;
  readonly eventCount: number;
  readonly epoch: number;
  readonly time: Date;
  readonly command: CommandInfo;
  /** JSON array of `{"type", "data"}`, one per event. */
  readonly events: string;
}

export interface CommandInfo {
  /** UUID, unique in the log. */
  readonly id: string;
  readonly kind: string;
  readonly requestId: string | null;
  readonly actor: string | null;
  readonly userAgent: string | null;
  readonly traceparent: string | null;
}

export interface NewLogRow {
  readonly time: Date;
  readonly command: CommandInfo;
  readonly eventCount: number;
  /** JSON array of `{"type", "data"}`, one per event, `eventCount` of them. */
  readonly events: string;
}

/** All changes of a batch, net: each key at most once per list, and never both taken and released. */
export interface AppendBatch {
  readonly clusterId: number;
  /** The revision that the batch was decided at. Its events get `at + 1`, `at + 2`, … */
  readonly at: number;
  readonly epoch: number;
  readonly rows: readonly NewLogRow[];
  readonly claims: {
    readonly taken: readonly Claim[];
    /** Held before and after the batch, by another Service. */
    readonly moved: readonly Claim[];
    readonly released: readonly string[];
  };
  readonly portClaims: {
    readonly taken: readonly PortClaim[];
    readonly moved: readonly PortClaim[];
    readonly released: readonly number[];
  };
  /** By name. `made` may replace one that has ended by itself. */
  readonly reservations?: { readonly made: readonly StoredReservation[]; readonly ended: readonly string[] };
  /** `cleared`: all of before, except the addresses in `started`, are gone. */
  readonly cooling?: { readonly started: readonly CoolingAddress[]; readonly cleared: boolean };
  /** What is derived about LB pools; `held` replaces what was there. */
  readonly lb?: LbBatch;
  readonly documents: {
    readonly written: readonly Document[];
    readonly removed: readonly ServiceKey[];
  };
  /** The new definition (JSON) when the batch changes it; null = the cluster is removed; undefined = unchanged. */
  readonly definition?: string | null;
  readonly requests: readonly RecordedRequest[];
}

export interface LbBatch {
  readonly members: { readonly held: readonly StoredLbMember[]; readonly left: readonly LbMemberKey[] };
  readonly waiting: { readonly held: readonly StoredLbWaiting[]; readonly left: readonly ServiceKey[] };
  readonly attached: { readonly held: readonly StoredLbAttached[]; readonly left: readonly LbAttachedKey[] };
}

export interface LbMemberKey extends ServiceKey {
  /** Canonical text. */
  readonly address: string;
  /** Cluster of the Service in the log of a shared LB pool; "" in the log of a cluster. */
  readonly cluster: string;
}

/** A Service that has an address of an LB pool of this log. */
export interface StoredLbMember extends LbMemberKey, ServiceEntry {
  /** null = it has the address for itself. */
  readonly sharingKey: string | null;
  /** `TCP/80` and so on. */
  readonly ports: readonly string[];
  /** Services that share an address have the same. */
  readonly backend: string;
  /** In the log of a shared LB pool: revision of the Service, in its cluster, that this was claimed for. */
  readonly wait: number | null;
}

/** A Service that lacks addresses of LB pools, as of its last event, whose revision it is. */
export interface StoredLbWaiting extends ServiceEntry {
  readonly families: readonly ('IPv4' | 'IPv6')[];
  readonly reason: string;
}

export interface LbWaits {
  readonly clusterId: number;
  readonly cluster: string;
  readonly reason: string;
  readonly services: number;
  /** When the first of these Services was last changed. */
  readonly oldest: Date;
}

export interface LbUnattached extends StoredLbMember {
  /** The log that claimed it. */
  readonly log: { readonly id: number; readonly name: string };
  /** Id of `cluster`; null when there is none of that name. */
  readonly clusterId: number | null;
  /** The Service waits, and with the wait that this was claimed for. */
  readonly isAwaited: boolean;
}

export interface LbAttachedKey extends ServiceKey {
  readonly pool: string;
  /** Canonical text. */
  readonly address: string;
}

/** An address of a shared LB pool that a Service of this cluster has. */
export interface StoredLbAttached extends LbAttachedKey, ServiceEntry {}

export interface Claim {
  /** Canonical text (RFC 5952 for IPv6). */
  readonly address: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly since: Date;
  /** Revision of the `ip.allocated` event. */
  readonly revision: number;
}

/** A claim as the relay states it. */
export interface PublishedClaim extends Claim {
  /** Of an address of an LB pool: the cluster of its Services where the pool is shared, else ''. Missing = a cluster IP. */
  readonly lbCluster?: string;
}

export interface PortClaim {
  readonly port: number;
  readonly purpose: 'node-port' | 'health-check';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly revision: number;
}

/** Addresses held back, both ends included. */
export interface StoredReservation {
  readonly name: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly cidr: string;
  /** Canonical text, as is `last`. */
  readonly first: string;
  readonly last: string;
  readonly reason: string;
  readonly owner: string;
  /** RFC 3339, milliseconds; null = for ever. */
  readonly until: string | null;
  readonly createdAt: Date;
  readonly revision: number;
}

/** A released address that is not handed out before `until`, and the Service that had it. */
export interface CoolingAddress extends ServiceEntry {
  /** Canonical text. */
  readonly address: string;
  readonly until: Date;
  /** In the log of a shared LB pool: the cluster of the Service. */
  readonly cluster?: string;
}

export interface Document extends ServiceEntry {
  /** The Service as JSON text, `resourceVersion` included. */
  readonly document: string;
}

export interface ServiceRevision extends ServiceKey {
  readonly revision: number;
}

export interface ServiceEntry extends ServiceRevision {
  readonly uid: string;
}

export interface DocumentPage {
  readonly namespace?: string;
  readonly after?: ServiceKey;
  readonly limit: number;
}

/** An accepted command that carried an Idempotency-Key. */
export interface RecordedRequest {
  readonly key: string;
  /** Hash of what was asked; another content under the same key is refused. */
  readonly fingerprint: string;
  readonly commandId: string;
  /** Revision of the command's last event (or of the state it saw, when it changed nothing). */
  readonly revision: number;
  /** HTTP status of the first answer. */
  readonly status: number;
  readonly createdAt: Date;
}
