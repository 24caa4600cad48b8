import { PostgresEventStore } from '@ipledger/event-store';
import { createLogger } from '@ipledger/runtime';
import { eventually } from '@ipledger/testing';
import { compareTopics, differenceLine, verifyCluster } from '@ipledger/verify';
import { rebuildViews } from '@ipledger/views';
import type { Violation } from './history.js';
import type { System } from './system.js';

const settleSeconds = 30;
const attemptsMax = 5;

/** Resolves when the views reflect everything that was written: nothing is lost on the way, and nothing stands still. */
export const settle = async (system: System, clusters: readonly string[], say: (line: string) => void): Promise<void> => {
  const [allocator] = system.allocators;
  const projector = system.services.find(({ name }) => name === 'projector');
  for (const cluster of clusters) {
    const { revision } = (await (await fetch(`${allocator!.url}/v1/clusters/${cluster}`)).json()) as { revision: number };
    for (let attempt = 1; ; attempt++) {
      const answer = await fetch(`${projector!.url}/v1/clusters/${cluster}/pools?minRevision=${revision}&timeout=${settleSeconds}`);
      if (answer.ok) break;
      if (attempt === attemptsMax) throw new Error(`the views of ${cluster} do not reach revision ${revision}: ${answer.status} ${await answer.text()}`);
      say(`waiting for the views of ${cluster} to reach revision ${revision}`);
    }
  }
};

/** What is derived from the log against a fresh fold of it: tables, then views. */
export const verify = async (system: System, say: (line: string) => void): Promise<Violation[]> => {
  const store = new PostgresEventStore({ url: system.databaseUrl, max: 4, onIdleError: () => undefined });
  try {
    const violations: Violation[] = [];
    for (const head of await store.clusters()) violations.push(...(await verifyCluster(store, head)).differences.map(differenceLine));
    say('claims, port claims, documents and definitions compared with a fresh fold of the log');
    const report = await rebuildViews({ viewsUrl: system.databaseUrl, store });
    for (const { table, cluster, onlyInFirst, onlyInSecond, example } of report?.differences ?? [])
      violations.push(`${cluster}: view ${table} differs from a fresh fold: ${onlyInFirst} rows are only live, ${onlyInSecond} only in the fold, such as ${example}`);
    for (const [cluster, why] of Object.entries(report?.stopped ?? {})) violations.push(`${cluster}: the views stopped: ${why}`);
    say(`views compared with a fresh fold of ${report?.revisions ?? 0} revisions`);
    if (system.broker !== undefined) violations.push(...(await verifyTopics(store, system.broker.address, say)));
    return violations;
  } finally {
    await store.close();
  }
};

/** The relay is given time to publish what is left; then both topics are read from their beginning. */
const verifyTopics = async (store: PostgresEventStore, broker: string, say: (line: string) => void): Promise<Violation[]> => {
  await eventually(async () => {
    const behind = (await store.relayLag()).filter(({ events }) => events > 0);
    if (behind.length > 0) throw new Error(`the relay is behind: ${JSON.stringify(behind)}`);
  }, { timeoutMs: settleSeconds * 1000, everyMs: 200 });
  const published = await store.publishedRevisions();
  const kafka = { brokers: [broker], clientId: 'chaos', topicPrefix: 'ipledger', replicationFactor: null, sasl: null, tls: null };
  const { differences } = await compareTopics({ store, kafka, logger: createLogger({ level: 'error', format: 'json' }), published });
  say(`both topics compared with the log, up to ${[...published].map(([cluster, revision]) => `${cluster} ${revision}`).join(', ')}`);
  return differences.map(differenceLine);
};
