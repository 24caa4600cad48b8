import { PostgresEventStore } from '@ipledger/event-store';
import { KafkaPublisher } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import { Relay } from '../../apps/allocator/src/relay/relay.js';
import type { Bench } from './bench.js';
import type { FlowBroker } from './flow-broker.js';
import { figure, median, spread, table } from './figures.js';
import { BatchMaker, readSample } from './rows.js';
import { poolCidrs } from './seed.js';
import type { BenchService } from './service.js';

const commandsPerCluster = 4_000;
const clusterCounts = [1, 10] as const;
const roundMsMax = 120_000;

interface Round {
  perSecond: number;
  eventsPerBatch: number;
  /** CPU microseconds per event of the relay, which runs in the bench's own process, and of Postgres. */
  ownUs: number;
  postgresUs: number;
}

/** The relay over a log that is there already, with nothing else going on: dual-stack creates, three events and two address records each. */
export const relayAlone = async (bench: Bench, broker: FlowBroker): Promise<void> => {
  const rows: string[][] = [];
  for (const clusters of clusterCounts) {
    const service = await bench.startService();
    const commands = clusters === 1 ? commandsPerCluster * 5 : commandsPerCluster;
    const events = await fillLog(bench, service, clusters, commands);
    const rounds: Round[] = [];
    await relayAll(service, broker, events); // what is hot is compiled
    for (let round = 0; round < bench.settings.rounds; round++) {
      rounds.push(await relayAll(service, broker, events));
      bench.progress(`relay ${round + 1}/${bench.settings.rounds}: ${clusters} clusters ${figure(rounds.at(-1)?.perSecond ?? NaN)} events/s`);
    }
    await service.stop();
    const mid = (pick: (round: Round) => number): string => figure(median(rounds.map(pick)));
    rows.push([String(clusters), figure(events), spread(rounds.map(({ perSecond }) => perSecond)), mid(({ eventsPerBatch }) => eventsPerBatch), `${mid(({ ownUs }) => ownUs)} / ${mid(({ postgresUs }) => postgresUs)}`]);
  }
  bench.print('The relay alone', table([['clusters', 'events', 'events/s', 'events per transaction', 'CPU µs per event: relay / Postgres'], ...rows]));
  bench.print(null, 'Aim: at least 12,000 events/s with their address records.');
};

/** @returns how many events there are now in the log, all clusters together */
const fillLog = async (bench: Bench, service: BenchService, clusters: number, commands: number): Promise<number> => {
  const store = new PostgresEventStore({ url: service.databaseUrl, max: 1 });
  try {
    await service.post('/v1/clusters', { name: 'sample', serviceCIDRs: poolCidrs });
    const sampleName = await bench.createSample(service, 'sample');
    const sample = await bench.withDatabase(service, (client) => readSample(client, 'sample', sampleName));
    for (let number = 0; number < clusters; number++) {
      await service.post('/v1/clusters', { name: `c${number}`, serviceCIDRs: poolCidrs });
      const head = await store.clusterByName(`c${number}`);
      if (head === undefined) throw new Error(`the cluster c${number} is not there`);
      const maker = new BatchMaker(sample, head.id, head.epoch, head.revision);
      for (let made = 0; made < commands; made += 200) await store.append(maker.next(200));
    }
    return (await store.clusters()).reduce((sum, { revision }) => sum + revision, 0);
  } finally {
    await store.close();
  }
};

const relayAll = async (service: BenchService, broker: FlowBroker, events: number): Promise<Round> => {
  const settings = broker.freshSettings();
  const logger = createLogger({ level: 'warn', format: 'pretty', write: (line) => process.stderr.write(line) });
  const relay = new Relay(service.databaseUrl, () => new KafkaPublisher(settings, logger), logger);
  const deadline = performance.now() + roundMsMax;
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) {
      if (performance.now() > deadline) throw new Error(`after ${roundMsMax / 1000} s only ${relay.counts.publishedEvents} of ${events} events are published`);
      await new Promise((resolve) => { setTimeout(resolve, 2); });
    }
  };
  try {
    relay.start();
    await until(() => relay.counts.active);
    const [before, cpu, startMs] = [await service.cpu(), process.cpuUsage(), performance.now()];
    await until(() => relay.counts.publishedEvents >= events);
    const [seconds, { user, system }, after] = [(performance.now() - startMs) / 1000, process.cpuUsage(cpu), await service.cpu()];
    return {
      perSecond: events / seconds, eventsPerBatch: events / relay.counts.batches,
      ownUs: (user + system) / events, postgresUs: ((after.postgres - before.postgres) / events) * 1e6,
    };
  } finally {
    await relay.stop();
  }
};
