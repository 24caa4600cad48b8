import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.js';
import { figure, median, spread, table } from './figures.js';
import type { FlowBroker } from './flow-broker.js';
import { ViewsProbe } from './views-probe.js';

const cluster = 'flow';
const idleSamples = 60;
const sustainedPerSecond = 1_000;
const sustainedSeconds = 15;
const burstSeconds = 5;
/** The counts of rows reach the statistics a second later. */
const statisticsMs = 1_500;

/**
 * The whole way on one machine: HTTP, log, relay, broker, consumer, views, all in the process of `apps/standalone` but for the
 * broker and Postgres. Idle, at a pace, and at full speed.
 */
export const everything = async (bench: Bench, broker: FlowBroker): Promise<void> => {
  const { topicPrefix, brokers } = broker.freshSettings();
  const service = await bench.startService({ env: { KAFKA_BROKERS: brokers.join(','), KAFKA_TOPIC_PREFIX: topicPrefix, KAFKA_REPLICATION_FACTOR: '1' } });
  await service.post('/v1/clusters', { name: cluster, serviceCIDRs: ['10.0.0.0/12', 'fd00:1:2:3::/64'] });
  await bench.warmUp(service, cluster);
  const probe = await ViewsProbe.open(bench, service, cluster);
  try {
    await probe.caughtUp();
    const [idle, pace, paced, burst, burstLag, caughtUp, drained, perEvent]: number[][] = [[], [], [], [], [], [], [], []];
    for (let round = 1; round <= bench.settings.rounds; round++) {
      for (let i = 0; i < idleSamples; i++) idle!.push(await probe.once());
      bench.progress(`everything, round ${round}: idle delay ${figure(median(idle!), 1)} ms`);
      const [revision, written] = [await probe.revision(), await probe.rowsWritten()];
      const sustained = await probe.lagsDuring(bench.load(service, { cluster, connections: 128, mode: 'create', perSecondMax: sustainedPerSecond }, sustainedSeconds));
      pace!.push(sustained.result.perSecond);
      paced!.push(...sustained.seconds);
      bench.progress(`everything, round ${round}: ${figure(sustained.result.perSecond)} creates/s with a lag of ${figure(median(sustained.seconds), 2)} s`);
      await probe.caughtUp();
      const full = await probe.lagsDuring(bench.load(service, { cluster, connections: 128, mode: 'create' }, burstSeconds));
      const behind = (await probe.lag()).events;
      const ms = await probe.caughtUp();
      burst!.push(full.result.perSecond);
      burstLag!.push(Math.max(...full.seconds));
      caughtUp!.push(ms);
      drained!.push(behind / (ms / 1000));
      bench.progress(`everything, round ${round}: burst of ${figure(full.result.perSecond)} creates/s, caught up after ${figure(ms)} ms`);
      await delay(statisticsMs);
      perEvent!.push(((await probe.rowsWritten()) - written) / ((await probe.revision()) - revision));
    }
    bench.print(`Everything: HTTP, log, relay, broker, projection, views; ${sustainedSeconds} s at ${figure(sustainedPerSecond)} creates/s, then ${burstSeconds} s at full speed`, table([
      ['delay idle p50 / p99 ms', 'creates/s at the pace', 'lag median / p99 / max s', 'creates/s in the burst', 'greatest lag s', 'caught up after, ms', 'events/s meanwhile', 'rows written per event'],
      [
        `${quantile(idle!, 0.5, 1)} / ${quantile(idle!, 0.99, 1)}`, spread(pace!), `${quantile(paced!, 0.5, 2)} / ${quantile(paced!, 0.99, 2)} / ${figure(Math.max(...paced!), 2)}`,
        spread(burst!), spread(burstLag!, 2), spread(caughtUp!), spread(drained!), spread(perEvent!, 2),
      ],
    ]));
    bench.print(null, `Aims: idle delay below 100 ms; ${figure(sustainedPerSecond)} creates/s with a lag below 2 s; a burst is caught up without help.`);
  } finally {
    await probe.close();
    await service.stop();
  }
};

const quantile = (values: readonly number[], q: number, digits: number): string =>
  figure(values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? NaN, digits);
