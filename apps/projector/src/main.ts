import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { setUpAccess } from '@ipledger/access';
import { createPool, PostgresEventStore, requireSchema } from '@ipledger/event-store';
import { registerViewedUsage, Stats } from '@ipledger/observability';
import { createLogger, failStart, Lifecycle, listenAt, loadConfig, MetricsRegistry, registerProcessMetrics } from '@ipledger/runtime';
import { ViewsReader } from '@ipledger/views';
import { createProjectorHttp } from './http.js';
import { startProjection } from './projection.js';

const config = loadConfig('projector');
const logger = createLogger({ level: config.logLevel, format: config.logFormat });
const lifecycle = new Lifecycle({ logger, stepBoundMs: config.shutdownSeconds * 1000 });

const start = async (): Promise<string> => {
  const access = setUpAccess(config, logger);
  lifecycle.onShutdown('stop watching the files of access and TLS', () => access.stop());
  if (config.accessFile !== null || access.tls !== null) process.on('SIGHUP', () => access.reload());
  await requireSchema(config.databaseUrl);
  const viewsUrl = config.viewsDatabaseUrl ?? config.databaseUrl;
  const onIdleError = (error: Error): void => logger.warn('an idle database connection was lost', { error: error.message });
  const store = new PostgresEventStore({ url: config.databaseUrl, max: config.poolSize, onIdleError });
  lifecycle.onShutdown('close the connections to the log', () => store.close());
  const pool = createPool({ url: viewsUrl, max: config.poolSize, applicationName: 'ipledger queries', onIdleError });
  lifecycle.onShutdown('close the connections of queries', () => pool.end());
  const views = new ViewsReader(pool);
  const registry = new MetricsRegistry();
  registerProcessMetrics(registry);
  const stats = new Stats(pool);
  registerViewedUsage(registry, stats);
  startProjection({ store, viewsUrl, kafka: config, registry, logger, lifecycle, onApplied: () => views.hint() });
  const http = await createProjectorHttp({ store, views, stats, registry, logger, isStopping: () => lifecycle.isStopping }, access);
  lifecycle.onShutdown('answer what was taken', () => http.close());
  // `/readyz` says no already; requests are still answered, each with `Connection: close`.
  lifecycle.onShutdown('wait until balancers turn away', () => {
    http.turnAway();
    return delay(config.drainSeconds * 1000);
  }, (config.drainSeconds + 1) * 1000);
  const port = await listenAt((at, host) => http.listen(at, host), config.port, config.host);
  return `${access.tls === null ? 'http' : 'https'}://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
};

try {
  logger.info(`the projector listens on ${await start()}`);
} catch (error) {
  await failStart(error, lifecycle, logger);
}
