import 'reflect-metadata';
import { createLogger, failStart, Lifecycle, loadConfig } from '@ipledger/runtime';
import { serve } from './serve.js';

const config = loadConfig('allocator');
const logger = createLogger({ level: config.logLevel, format: config.logFormat });
const lifecycle = new Lifecycle({ logger, stepBoundMs: config.shutdownSeconds * 1000 });
try {
  const { url } = await serve(config.databaseUrl, config, lifecycle, logger);
  logger.info(`the allocator listens on ${url}`);
} catch (error) {
  await failStart(error, lifecycle, logger);
}
