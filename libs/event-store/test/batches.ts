import { randomUUID } from 'node:crypto';
import type { AppendBatch, Claim, ClusterHead, CoolingAddress, Document, NewLogRow, PortClaim, RecordedRequest, StoredReservation } from '@ipledger/event-store';

/** Milliseconds on purpose: both stores must keep them. */
export const time = new Date('2026-03-01T12:00:00.123Z');

export const command = (id: string = randomUUID()): NewLogRow['command'] =>
  ({ id, kind: 'CreateService', requestId: 'request-1', actor: 'ann', userAgent: 'kubectl', traceparent: null });

/** A command with `eventCount` events. */
export const row = (eventCount = 3, id: string = randomUUID()): NewLogRow =>
  ({ time, command: command(id), eventCount, events: JSON.stringify(Array.from({ length: eventCount }, (_, data) => ({ type: 'ip.allocated', data }))) });

export const claim = (address: string, revision = 1, name = 'web'): Claim =>
  ({ address, namespace: 'shop', name, uid: `uid-of-${name}`, since: time, revision });

export const portClaim = (port: number, revision = 1, name = 'web'): PortClaim =>
  ({ port, purpose: 'node-port', namespace: 'shop', name, uid: `uid-of-${name}`, revision });

export const reservation = (name: string, first = '10.0.0.7', last = first, until: string | null = null): StoredReservation =>
  ({ name, family: first.includes(':') ? 'IPv6' : 'IPv4', cidr: first.includes(':') ? 'fd00::/112' : '10.0.0.0/24', first, last, until, reason: 'later', owner: 'ann', createdAt: time, revision: 2 });

export const cooling = (address: string, revision = 1, until = time): CoolingAddress =>
  ({ address, until, namespace: 'shop', name: 'web', uid: 'uid-of-web', revision });

export const document = (name: string, revision = 1, namespace = 'shop'): Document =>
  ({ namespace, name, uid: `uid-of-${name}`, revision, document: JSON.stringify({ metadata: { name, resourceVersion: String(revision) } }) });

export const recorded = (key: string, createdAt: Date = time): RecordedRequest =>
  ({ key, fingerprint: 'f00d', commandId: randomUUID(), revision: 3, status: 201, createdAt });

/** Everything empty but what is given. */
export const batch = (head: ClusterHead, changes: {
  rows?: NewLogRow[];
  claims?: Partial<AppendBatch['claims']>;
  portClaims?: Partial<AppendBatch['portClaims']>;
  reservations?: Partial<AppendBatch['reservations'] & object>;
  cooling?: Partial<AppendBatch['cooling'] & object>;
  documents?: Partial<AppendBatch['documents']>;
  requests?: RecordedRequest[];
  definition?: string | null;
}): AppendBatch => ({
  clusterId: head.id, at: head.revision, epoch: head.epoch,
  rows: changes.rows ?? [row()],
  claims: { taken: [], moved: [], released: [], ...changes.claims },
  portClaims: { taken: [], moved: [], released: [], ...changes.portClaims },
  reservations: { made: [], ended: [], ...changes.reservations },
  cooling: { started: [], cleared: false, ...changes.cooling },
  documents: { written: [], removed: [], ...changes.documents },
  requests: changes.requests ?? [],
  ...('definition' in changes && { definition: changes.definition }),
});
