import 'reflect-metadata';
import { createLogger, failStart, Lifecycle, loadConfig, startEmbeddedPostgres, type StandaloneConfig } from '@ipledger/runtime';
import { serve } from '../../allocator/src/index.js';
import { startProjection, type Projection } from '../../projector/src/index.js';
import { registerDefaultCluster } from './default-cluster.js';

const config = loadConfig('standalone');
const logger = createLogger({ level: config.logLevel, format: config.logFormat });
const lifecycle = new Lifecycle({ logger, stepBoundMs: config.shutdownSeconds * 1000 });

const databaseUrl = async ({ databaseUrl: given, dataDir }: StandaloneConfig): Promise<string> => {
  if (given !== null) return given;
  const postgres = await startEmbeddedPostgres({ dataDir, onWait: (reason) => logger.info(reason) });
  lifecycle.onShutdown('stop the embedded Postgres', () => postgres.stop());
  void postgres.ended.then((why) => {
    if (!lifecycle.isStopping) logger.error(`the embedded Postgres ended: ${why}`);
    return lifecycle.shutdown(1);
  });
  return postgres.url;
};

try {
  let projection: Projection | undefined;
  const { url, allocator, store, views, viewsUrl } = await serve(await databaseUrl(config), config, lifecycle, logger, { onCommit: () => projection?.hint() });
  projection = startProjection({ store, viewsUrl, kafka: config, registry: allocator.registry, logger, lifecycle, onApplied: () => views.hint() });
  await registerDefaultCluster(allocator);
  logger.info(`ipledger listens on ${url}${config.databaseUrl === null ? `, data in ${config.dataDir}` : ''}`);
  const body = '{"metadata":{"name":"my-service"},"spec":{"ipFamilyPolicy":"PreferDualStack","selector":{"app":"MyApp"},"ports":[{"port":80}]}}';
  logger.info(`try: curl -s ${url}/clusters/default/api/v1/namespaces/default/services -H 'content-type: application/json' -d '${body}'`);
} catch (error) {
  await failStart(error, lifecycle, logger);
}
