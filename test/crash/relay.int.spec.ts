import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresEventStore } from '@ipledger/event-store';
import { eventsOf, recordedCommand } from '@ipledger/messaging';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@ipledger/runtime';
import { describeWithOwnBroker, eventually } from '@ipledger/testing';
import { HandOver } from './hand-over.js';
import { ServiceProcess } from './service-process.js';
import { Topics } from './topics.js';

const clusters = ['blue', 'red'] as const;
const creators = 6;
const catchUp = { timeoutMs: 60_000, everyMs: 100 };

/**
 * Two allocators on one database, a broker, and load, while one after the other is killed, frozen or restarted. After each:
 * per cluster the topic, read committed and in order of first appearance, is the log; the compacted topic is the claims.
 */
await describeWithOwnBroker('every arrow from commit to topic, killed', (kafka) => {
  let folder: string | undefined;
  let postgres: EmbeddedPostgres;
  let store: PostgresEventStore;
  let allocators: ServiceProcess[] = [];
  /** Those that are out of the game as well: a frozen one, when its test fails, would stay for ever. */
  const started: ServiceProcess[] = [];
  let topics: Topics | undefined;

  const startPostgres = async (): Promise<void> => {
    postgres = await startEmbeddedPostgres({ dataDir: folder!, binariesDir: join(tmpdir(), 'ipledger-postgres') });
  };
  const startAllocator = async (): Promise<ServiceProcess> => {
    const allocator = await ServiceProcess.startAllocator(postgres.url, { MIGRATE_ON_START: 'true', KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_TOPIC_PREFIX: kafka.prefix });
    started.push(allocator);
    return allocator;
  };
  beforeAll(async () => {
    await ServiceProcess.build();
    folder = await mkdtemp(join(tmpdir(), 'ipledger-relay-'));
    await startPostgres();
    allocators = [await startAllocator(), await startAllocator()];
    store = new PostgresEventStore({ url: postgres.url });
    for (const name of clusters) {
      const answer = await fetch(`${allocators[0]?.url}/v1/clusters`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name, serviceCIDRs: ['10.96.0.0/16', 'fd00::/112'] }) });
      expect(answer.status).toBe(201);
    }
    topics = await eventually(() => Topics.follow(kafka.brokers, kafka.prefix), catchUp);
  }, 240_000);
  afterAll(async () => {
    // Each step whatever came of the one before; SIGKILL ends what is frozen, too.
    const steps = [
      () => Promise.all(started.map((one) => one.end('SIGKILL'))), () => topics?.close(), () => store.close(), () => postgres.stop(), () => folder && rm(folder, { recursive: true, force: true }),
    ];
    const failures: unknown[] = [];
    for (const step of steps) await (async () => step())().catch((error: unknown) => failures.push(error));
    expect(failures).toEqual([]);
  });

  /** Empty while it does not answer. */
  const metricsOf = ({ url }: ServiceProcess): Promise<string> => fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) }).then((answer) => answer.text()).catch(() => '');
  const isActive = async (one: ServiceProcess): Promise<boolean> => /^ipledger_relay_active 1$/m.test(await metricsOf(one));
  const activeOne = (among: () => ServiceProcess[] = () => allocators): Promise<ServiceProcess> => eventually(async () => {
    for (const one of among()) if (await isActive(one)) return one;
    throw new Error('no relay is active');
  }, { timeoutMs: 60_000, everyMs: 50 });
  /** Hurts the one that relays. Once its session has ended, the first to ask has the lock: how soon that is depends on the machine, so it is only told. */
  const handOver = async (how: string, hurt: () => unknown, heir: ServiceProcess): Promise<void> => {
    const watched = await HandOver.watch(postgres.url);
    await hurt();
    const { asks, ms } = await watched.done();
    await activeOne(() => [heir]);
    console.log(`${how}: the lock was handed over after ${ms} ms`);
    expect(asks).toBeLessThanOrEqual(1);
  };

  let names = 0;
  /** Creates Services, and deletes every third, on whichever allocator answers, until told to stop. What fails is tried no more. */
  const load = (): { enough(): Promise<void>; stop(): Promise<void> } => {
    let stopping = false;
    let created = 0;
    const run = async (creator: number): Promise<void> => {
      for (let i = creator; !stopping; i++) {
        const [service, cluster] = [allocators[i % allocators.length]!, clusters[i % clusters.length]!];
        const path = `${service.url}/clusters/${cluster}/api/v1/namespaces/default/services`;
        const name = `s-${++names}`;
        const signal = AbortSignal.timeout(3_000);
        const body = JSON.stringify({ metadata: { name }, spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }] } });
        try {
          const { status } = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal });
          if (status === 201) created++;
          if (i % 3 === 0) await fetch(`${path}/${name}`, { method: 'DELETE', signal });
        } catch {
          await new Promise((resolve) => { setTimeout(resolve, 50); });
        }
      }
    };
    const running = Promise.all(Array.from({ length: creators }, (_, creator) => run(creator)));
    return {
      // So that what is killed is in the middle of work.
      enough: async () => {
        const target = created + 100;
        await eventually(() => expect(created).toBeGreaterThan(target), catchUp);
      },
      stop: async () => {
        stopping = true;
        await running;
      },
    };
  };

  /** The topics are what the log says, once whatever was lost is back. */
  const expectTopicsToBeTheLog = async (): Promise<void> => {
    for (const cluster of clusters) {
      const head = await store.clusterByName(cluster);
      const rows = await store.readLog(head!.id, 0, 1_000_000);
      const expected = rows.flatMap((row) => eventsOf(recordedCommand(cluster, row))).map(({ revision, type, command, data }) => ({ revision, type: `${type}.v1`, commandId: command.id, data: JSON.stringify(data) }));
      await eventually(() => expect(topics?.events.get(cluster)?.length).toBe(expected.length), catchUp);
      expect(topics?.events.get(cluster)).toEqual(expected);
      const claims = await store.listClaims(head!.id, undefined, 1_000_000);
      const held = claims.map(({ address, uid, revision }) => `${address} ${uid} ${revision}`).sort();
      await eventually(() => expect(holdersOf(topics, cluster)).toEqual(held), catchUp);
    }
    expect(topics?.contradictions).toEqual([]);
  };
  const holdersOf = (seen: Topics | undefined, cluster: string): string[] => [...(seen?.addresses ?? [])].filter(([key]) => key.startsWith(`${cluster}/`)).map(([, value]) => {
    const { address, service, revision } = JSON.parse(value) as { address: string; service: { uid: string }; revision: number };
    return `${address} ${service.uid} ${revision}`;
  }).sort();

  it('the process that relays, between commit and publish or publish and checkpoint, three times', async () => {
    for (let round = 0; round < 3; round++) {
      const running = load();
      const active = await activeOne();
      await running.enough();
      const survivor = allocators.find((one) => one !== active)!;
      allocators = [survivor];
      await handOver('killed', () => active.end('SIGKILL'), survivor); // its socket closed: the lock is free at once
      await running.enough();
      await running.stop();
      allocators = [survivor, await startAllocator()];
      await expectTopicsToBeTheLog();
    }
  }, 300_000);

  it('the relay frozen, replaced, and woken: it publishes nothing and moves no checkpoint', async () => {
    const running = load();
    const frozen = await activeOne();
    const other = allocators.find((one) => one !== frozen)!;
    await running.enough();
    allocators = [other];
    await handOver('frozen', () => frozen.child.kill('SIGSTOP'), other); // its session times out: Postgres ends it
    await running.enough();
    frozen.child.kill('SIGCONT');
    await running.enough();
    await activeOne(() => [other]);
    await eventually(async () => expect(await metricsOf(frozen)).toMatch(/^ipledger_relay_active 0$/m), catchUp);
    await activeOne(() => [other]);
    await running.stop();
    allocators = [other, frozen];
    await expectTopicsToBeTheLog();
  }, 120_000);

  it('the broker, and started again on its data', async () => {
    const running = load();
    await activeOne();
    await running.enough();
    await kafka.broker().kill();
    await running.enough(); // no command waits for a broker
    await kafka.broker().resume();
    await running.stop();
    await expectTopicsToBeTheLog();
  }, 180_000);

  it('Postgres, and started again on its data', async () => {
    const running = load();
    await running.enough();
    await store.close();
    await postgres.stop();
    await startPostgres();
    store = new PostgresEventStore({ url: postgres.url });
    await running.enough();
    await running.stop();
    await expectTopicsToBeTheLog();
  }, 180_000);
});
