import type { ClusterHead, EventStore } from '@ipledger/event-store';

/** Everything that can be read of a cluster. */
const everything = async (store: EventStore, { id }: ClusterHead): Promise<unknown> => ({
  head: await store.head(id), log: await store.readLog(id, 0, 1000), claims: await store.listClaims(id, undefined, 1000),
  ports: await store.listPortClaims(id, undefined, 1000), documents: await store.listDocuments(id, { limit: 1000 }),
  requests: await store.requests(id, ['key', 'other-key']),
  heldBack: [await store.listReservations(id, undefined, 1000), await store.listCooling(id, undefined, 1000)],
});

/** Tries what a store must refuse with an error of that class and those fields, having changed nothing of the cluster. */
export const expectRefused = async (store: EventStore, cluster: ClusterHead, attempt: () => Promise<unknown>, error: Function, fields: object = {}): Promise<void> => {
  const before = await everything(store, cluster);
  const thrown = await attempt().then(() => undefined, (reason: unknown) => reason);
  expect(thrown).toBeInstanceOf(error);
  expect(thrown).toMatchObject(fields);
  expect(await everything(store, cluster)).toEqual(before);
};
