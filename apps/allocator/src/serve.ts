import { createPool, migrate, PostgresEventStore, requireSchema } from '@ipledger/event-store';
import { setUpAccess, type AccessSetUp } from '@ipledger/access';
import { KafkaPublisher } from '@ipledger/messaging';
import { Stats } from '@ipledger/observability';
import { kafkaSettings, listenAt, type AccessConfig, type AllocatorConfig, type KafkaConfig, type Lifecycle, type Logger } from '@ipledger/runtime';
import { noteVerification, ViewsReader } from '@ipledger/views';
import { createAllocator, type Allocator } from './app.js';
import { buildInfo } from './build-info.js';
import { purgeRequestsRegularly } from './purge-requests.js';
import { DatabaseLock } from './load-balancer/lock.js';
import { Relay } from './relay/relay.js';
import { observeRelay } from './relay/relay-metrics.js';
import { findingOf, verifyRegularly } from './verify-regularly.js';

export type ServeConfig = AccessConfig & KafkaConfig & Pick<AllocatorConfig, 'databaseDirectUrl' | 'host' | 'port' | 'migrateOnStart' | 'queueLimit' | 'queueSeconds' | 'drainSeconds' | 'batchLimit' | 'clusterIdleSeconds' | 'verifyIntervalSeconds' | 'poolSize' | 'viewsDatabaseUrl'>;

export interface Served {
  allocator: Allocator;
  store: PostgresEventStore;
  views: ViewsReader;
  /** Where the views are. */
  viewsUrl: string;
  /** Where it listens, for people: `http://127.0.0.1:8080`. */
  url: string;
}

/** What else runs in the process and wants to know. */
export interface ServeHooks {
  /** Called after every commit of this process. */
  onCommit?(): void;
}

/**
 * Brings up the command side over a database: schema, store, HTTP; and registers how each goes down again.
 * @throws StartProblem, and what the database throws
 */
export const serve = async (databaseUrl: string, config: ServeConfig, lifecycle: Lifecycle, logger: Logger, hooks: ServeHooks = {}): Promise<Served> => {
  const access = letIn(config, lifecycle, logger);
  const applied = config.migrateOnStart ? await migrate(databaseUrl) : await requireSchema(databaseUrl);
  if (applied !== undefined && applied.length > 0) logger.info('schema brought up to date', { applied });
  const onIdleError = (error: Error): void => logger.warn('an idle database connection was lost', { error: error.message });
  const store = new PostgresEventStore({ url: databaseUrl, max: config.poolSize, onIdleError });
  lifecycle.onShutdown('close the database connections', () => store.close());
  const viewsUrl = config.viewsDatabaseUrl ?? databaseUrl;
  const viewsPool = createPool({ url: viewsUrl, max: config.poolSize, applicationName: 'ipledger queries', onIdleError });
  lifecycle.onShutdown('close the connections of queries', () => viewsPool.end());
  const views = new ViewsReader(viewsPool);
  const purge = purgeRequestsRegularly(store, logger);
  lifecycle.onShutdown('stop purging', () => purge.stop());
  const relay = startRelay(databaseUrl, config, lifecycle, logger);
  const allocator = await createAllocator({
    store, logger, settings: config, ...buildInfo(), isStopping: () => lifecycle.isStopping, views, stats: new Stats(viewsPool), ...hooks,
    ...(relay !== undefined && { relay: { hint: () => relay.hint(), observe: (registry) => observeRelay(registry, relay.counts, () => store.relayLag()) } }),
  }, access);
  if (config.verifyIntervalSeconds > 0) {
    const verification = verifyRegularly({ store, directUrl: config.databaseDirectUrl ?? databaseUrl, intervalSeconds: config.verifyIntervalSeconds, observer: allocator.verifyObserver, logger, note: (verified) => noteVerification(viewsPool, findingOf(verified)) });
    lifecycle.onShutdown('stop verifying', () => verification.stop());
  }
  lifecycle.onShutdown('answer what was taken', () => allocator.close());
  allocator.assigner.start(new DatabaseLock(config.databaseDirectUrl ?? databaseUrl));
  lifecycle.onShutdown('end the steps for load balancer addresses', () => allocator.assigner.stop());
  lifecycle.onShutdown('wait until balancers turn away', () => drain(allocator, config.drainSeconds), (config.drainSeconds + 1) * 1000);
  const port = await listenAt((at, host) => allocator.listen(at, host), config.port, config.host);
  return { allocator, store, views, viewsUrl, url: `${access.tls === null ? 'http' : 'https'}://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}` };
};

/** `/readyz` says no already; requests are still answered, each with `Connection: close`. */
const drain = (allocator: Allocator, seconds: number): Promise<void> => {
  allocator.turnAway();
  return new Promise((done) => void setTimeout(done, seconds * 1000));
};

/** Who gets in, with files that are read again on SIGHUP and when they change. */
const letIn = (config: ServeConfig, lifecycle: Lifecycle, logger: Logger): AccessSetUp => {
  const access = setUpAccess(config, logger);
  lifecycle.onShutdown('stop watching the files of access and TLS', () => access.stop());
  // Without such files SIGHUP keeps its meaning: the terminal was closed.
  if (config.accessFile !== null || access.tls !== null) process.on('SIGHUP', () => access.reload());
  if (config.accessFile !== null && access.tls === null) logger.warn('tokens are asked for over plain HTTP: let other machines in only through something that ends TLS, or set TLS_CERT_FILE');
  return access;
};

/** Publishes the log to Kafka, when there is one. Kafka away, now or later, keeps nothing here from serving. */
const startRelay = (databaseUrl: string, config: ServeConfig, lifecycle: Lifecycle, logger: Logger): Relay | undefined => {
  const kafka = kafkaSettings(config);
  if (kafka === null) return undefined;
  const relay = new Relay(config.databaseDirectUrl ?? databaseUrl, () => new KafkaPublisher(kafka, logger), logger);
  // Stopped after the last request is answered, so that what it committed is mostly published.
  lifecycle.onShutdown('stop the relay', () => relay.stop());
  relay.start();
  return relay;
};
