import type { ClusterReader, LogRow, RecordedRequest } from '@ipledger/event-store';
import { encodeService, readDocument, type ClusterState, type Event } from '@ipledger/services';
import type { Order, Outcome } from './order.js';

/**
 * The answers to orders whose Idempotency-Key is known: the first answer again, rebuilt from the log, or a refusal where
 * the content differs (design D5). Orders without a known key are not in the map.
 */
export const replayRecorded = async (
  orders: readonly Order[], known: ReadonlyMap<string, RecordedRequest>, clusterId: number, state: ClusterState, reader: ClusterReader,
): Promise<Map<Order, Outcome>> => {
  const outcomes = new Map<Order, Outcome>();
  for (const order of orders) {
    const request = order.idempotency && known.get(order.idempotency.key);
    if (!request || order.idempotency === null) continue;
    if (request.fingerprint !== order.idempotency.fingerprint) outcomes.set(order, { kind: 'request_differs', key: request.key });
    else outcomes.set(order, recordedOutcome(request, await reader.logRowAt(clusterId, request.revision), state));
  }
  return outcomes;
};

const recordedOutcome = (request: RecordedRequest, row: LogRow | undefined, state: ClusterState): Outcome => ({
  kind: 'accepted',
  status: request.status as 200 | 201 | 202,
  answer: row && answerIn(row, request.revision, state),
  warnings: [],
  revision: request.revision,
  changed: false,
  replayed: true,
});

const answerIn = (row: LogRow, revision: number, state: ClusterState): string | undefined => {
  const events = JSON.parse(row.events) as Event[];
  const event = events[revision - (row.revision - row.eventCount) - 1];
  if (event?.type === 'reservation.made' || event?.type === 'reservation.released') return JSON.stringify(event.data.reservation);
  if (event === undefined || !('object' in event.data)) return undefined;
  const text = encodeService(event.data.object);
  return state.definition === null ? text : readDocument(text, state.families[0]);
};
