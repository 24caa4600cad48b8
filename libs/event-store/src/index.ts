export {
  BadAppend, ClaimConflict, OutcomeUnknown, RevisionConflict, SchemaMismatch, StoreError, StoreUnavailable, UnsupportedPostgres,
} from './errors.js';
export type {
  AppendBatch, Claim, ClusterHead, ClusterReader, ClusterTip, CommandInfo, CoolingAddress, Document, DocumentPage, EventStore, LbAttachedKey, LbMemberKey, LbUnattached, LbWaits, LockedSession, LogRow,
  NewLogRow, PortClaim, PublishedClaim, RecordedRequest, ServiceEntry, ServiceKey, ServiceRevision, StoredLbAttached, StoredLbMember, StoredLbWaiting, StoredReservation,
} from './event-store.js';
export { InMemoryEventStore } from './in-memory.js';
export { migrate, requireSchema, schemaVersion } from './postgres/migrate.js';
export { createPool } from './postgres/pool.js';
export type { PoolOptions } from './postgres/pool.js';
export { PostgresEventStore, type RelayLag } from './postgres/postgres-event-store.js';
export { RelaySession, TermOver, type Checkpoint, type ClusterBehind, type RelayConnection } from './postgres/relay-session.js';
export { storeErrorOf } from './postgres/sqlstate.js';
export { DerivedRebuild, type DerivedChanges, type DerivedPart } from './postgres/rebuild-derived.js';
