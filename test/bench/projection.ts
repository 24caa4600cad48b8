import { setTimeout as delay } from 'node:timers/promises';
import { PostgresEventStore } from '@ipledger/event-store';
import { rebuildViews } from '@ipledger/views';
import type { Bench } from './bench.js';
import { figure, spread, table } from './figures.js';
import { ViewsProbe } from './views-probe.js';

const cluster = 'projected';
const idleSamples = 40;
const caughtUpMsMax = 60_000;

/**
 * The projection in the process of `apps/standalone`: how long after an answer the views reflect it, idle and under full load;
 * how long it takes to catch up; and how fast commands go into the views when nothing else runs, by a rebuild.
 */
export const projection = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  await service.post('/v1/clusters', { name: cluster, serviceCIDRs: ['10.0.0.0/12', 'fd00:1:2:3::/64'] });
  await bench.warmUp(service, cluster);
  const probe = await ViewsProbe.open(bench, service, cluster);
  const store = new PostgresEventStore({ url: service.databaseUrl, max: 2 });
  const [idle, loaded, commands, caughtUp, rebuilt, perEvent]: number[][] = [[], [], [], [], [], []];
  for (let round = 1; round <= bench.settings.rounds; round++) {
    bench.progress(`projection, round ${round}`);
    for (let i = 0; i < idleSamples; i++) idle!.push(await probe.once());
    const [before, writtenBefore] = [await probe.revision(), await probe.rowsWritten()];
    let running = true;
    const sampling = (async () => {
      while (running) {
        loaded!.push(await probe.once());
        await delay(50);
      }
    })();
    const load = await bench.load(service, { cluster, connections: 128, mode: 'create' }, Math.max(bench.settings.seconds, 4));
    const endedMs = performance.now();
    running = false;
    const tip = (await store.clusterByName(cluster))!.revision;
    while ((await probe.revision()) < tip) {
      if (performance.now() - endedMs > caughtUpMsMax) throw new Error('the views did not catch up');
      await delay(2);
    }
    caughtUp!.push(performance.now() - endedMs);
    await sampling;
    await delay(1_500); // the counts of rows reach the statistics a second later
    commands!.push(load.perSecond);
    perEvent!.push(((await probe.rowsWritten()) - writtenBefore) / ((await probe.revision()) - before));
    const built = { revisions: NaN, seconds: NaN }; // comparing with the live set comes after the last page
    await rebuildViews({ viewsUrl: service.databaseUrl, store, onProgress: ({ done, seconds }) => Object.assign(built, { revisions: done, seconds }) });
    rebuilt!.push(built.revisions / 3 / built.seconds); // three events a create
  }
  await probe.close();
  await store.close();
  const quantile = (values: readonly number[], q: number): string => figure(values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? NaN, 1);
  bench.print('Projection in the process of standalone, 128 connections of load', table([
    ['creates/s meanwhile', 'creates/s projected alone (rebuild)', 'ratio', 'delay idle p50 / p99 ms', 'delay under load p50 / p99 ms', 'caught up after, ms', 'rows written per event'],
    [
      spread(commands!), spread(rebuilt!), spread(rebuilt!.map((rate, i) => rate / commands![i]!), 2), `${quantile(idle!, 0.5)} / ${quantile(idle!, 0.99)}`,
      `${quantile(loaded!, 0.5)} / ${quantile(loaded!, 0.99)}`, spread(caughtUp!), spread(perEvent!, 2),
    ],
  ]));
};
