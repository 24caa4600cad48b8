import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, StoredLbAttached, StoredLbMember, StoredLbWaiting } from '@ipledger/event-store';
import { memberKey, sharedPoolLog, sharedPoolOf } from '@ipledger/services';
import type { Difference } from './difference.js';

const pageRows = 1_000;
/** The steps of the assigner take less. What two looks so far apart see in the same revisions is not under way. */
const settleMsDefault = 10_000;

/**
 * What the logs of shared LB pools and those of clusters say of each other: every address that a Service has is claimed for it in the
 * pool, and every claim is attached, or is for the wait of a Service that waits still (docs/adr/0004). Each log by itself can be right and this be
 * wrong. Looks twice where something is amiss, since the steps of an assignment are commits in two logs.
 */
export const verifySharedPools = async (store: EventStore, settleMs = settleMsDefault): Promise<Difference[]> => {
  const found = await lookOnce(store);
  if (found.length === 0) return [];
  await delay(settleMs);
  const still = new Set((await lookOnce(store)).map(identityOf));
  return found.filter((one) => still.has(identityOf(one)));
};

const identityOf = ({ cluster, where, key, revision, what }: Difference): string => JSON.stringify([cluster, where, key, revision, what]);

const lookOnce = async (store: EventStore): Promise<Difference[]> => {
  const heads = await store.clusters();
  const [pools, clusters] = [heads.filter(({ name }) => sharedPoolOf(name) !== undefined), heads.filter(({ name }) => sharedPoolOf(name) === undefined)];
  if (pools.length === 0) return [];
  const claims = new Map<string, { log: string; address: string; holder: string; uid: string; revision: number; wait: number | null }>();
  const attached = new Map<string, { cluster: string; address: string; holder: string; uid: string; revision: number }>();
  const waits = new Map<string, number>();
  for (const { id, name } of pools)
    for await (const row of pagesOf((after: StoredLbMember | undefined) => store.listLbMembers(id, after, pageRows))) {
      const holder = memberKey(row.cluster, row);
      claims.set(`${name} ${row.address} ${holder} ${row.uid}`, { log: name, address: row.address, holder, uid: row.uid, revision: row.revision, wait: row.wait });
    }
  for (const { id, name } of clusters) {
    for await (const row of pagesOf((after: StoredLbAttached | undefined) => store.listLbAttached(id, after, pageRows))) {
      const holder = memberKey(name, row);
      attached.set(`${sharedPoolLog(row.pool)} ${row.address} ${holder} ${row.uid}`, { cluster: name, address: row.address, holder, uid: row.uid, revision: row.revision });
    }
    for await (const row of pagesOf((after: StoredLbWaiting | undefined) => store.listLbWaiting(id, after, pageRows))) waits.set(`${memberKey(name, row)} ${row.uid}`, row.revision);
  }
  return [
    ...[...attached].filter(([key]) => !claims.has(key)).map(([key, { cluster, address, holder, uid, revision }]): Difference => ({
      cluster, where: 'load balancer attachments', type: 'missing', key: address, revision, what: `is attached to ${holder} (${uid}), and ${key.slice(0, key.indexOf(' '))} has not claimed it for that`,
    })),
    ...[...claims].filter(([key, { holder, uid, wait }]) => !attached.has(key) && (wait === null || waits.get(`${holder} ${uid}`) !== wait)).map(([, { log, address, holder, uid, revision }]): Difference => ({
      cluster: log, where: 'load balancer addresses', type: 'leak', key: address, revision, what: `is claimed for ${holder} (${uid}), which neither has it nor waits for it`,
    })),
  ];
};

async function* pagesOf<Row>(read: (after: Row | undefined) => Promise<Row[]>): AsyncGenerator<Row> {
  for (let after: Row | undefined; ; ) {
    const page = await read(after);
    yield* page;
    if (page.length < pageRows) return;
    after = page.at(-1);
  }
}
