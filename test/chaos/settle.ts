import { PostgresEventStore } from '@ipledger/event-store';
import { createLogger } from '@ipledger/runtime';
import { eventually } from '@ipledger/testing';
import { sharedPoolOf } from '@ipledger/services';
import { compareTopics, differenceLine, verifyCluster, verifySharedPools } from '@ipledger/verify';
import { rebuildViews } from '@ipledger/views';
import { lbAtRest } from '../simulation/lb-laws.js';
import type { Violation } from './history.js';
import type { System } from './system.js';

const settleSeconds = 30;
const attemptsMax = 5;

/**
 * Resolves when the views reflect everything that was written: nothing is lost on the way, and nothing stands still.
 * @returns the clusters of which they do not, when they had time enough
 */
export const settle = async (system: System, clusters: readonly string[], say: (line: string) => void): Promise<Violation[]> => {
  const violations: Violation[] = [];
  const [allocator] = system.allocators;
  const projector = system.services.find(({ name }) => name === 'projector');
  for (const cluster of clusters) {
    const { revision } = (await (await fetch(`${allocator!.url}/v1/clusters/${cluster}`)).json()) as { revision: number };
    for (let attempt = 1; ; attempt++) {
      const answer = await fetch(`${projector!.url}/v1/clusters/${cluster}/pools?minRevision=${revision}&timeout=${settleSeconds}`);
      if (answer.ok) break;
      if (attempt === (violations.length > 0 ? 1 : attemptsMax)) {
        violations.push(`the views of ${cluster} do not reach revision ${revision}: ${answer.status} ${await answer.text()}`);
        break;
      }
      say(`waiting for the views of ${cluster} to reach revision ${revision}`);
    }
  }
  return violations;
};

/**
 * Resolves when the shared pool has come to rest: nothing is held for nobody, and nobody waits for what is free.
 * @returns what is still so when it had time enough
 */
export const settleSharedPool = async (system: System): Promise<Violation[]> => {
  const store = new PostgresEventStore({ url: system.databaseUrl, max: 4, onIdleError: () => undefined });
  try {
    const heads = (await store.clusters()).map(({ id, name }) => ({ id, name }));
    const [pools, clusters] = [heads.filter(({ name }) => sharedPoolOf(name) !== undefined), heads.filter(({ name }) => sharedPoolOf(name) === undefined)];
    for (const deadlineMs = performance.now() + settleSeconds * 1000; ; ) {
      const found = await lbAtRest(store, clusters, pools);
      if (found.length === 0 || performance.now() > deadlineMs) return found;
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
  } finally {
    await store.close();
  }
};

/** What is derived from the log against a fresh fold of it: tables, then views. */
export const verify = async (system: System, say: (line: string) => void): Promise<Violation[]> => {
  const store = new PostgresEventStore({ url: system.databaseUrl, max: 4, onIdleError: () => undefined });
  try {
    const violations: Violation[] = [];
    for (const head of await store.clusters()) violations.push(...(await verifyCluster(store, head)).differences.map(differenceLine));
    violations.push(...(await verifySharedPools(store)).map(differenceLine));
    say('claims, port claims, documents and definitions compared with a fresh fold of the log, and the shared pool with its clusters');
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
  say(`both topics compared with ${published.size} logs up to their ends, ${[...published.values()].reduce((sum, revision) => sum + revision, 0)} revisions`);
  return differences.map(differenceLine);
};
