import './faster-kafkajs.js'; // before kafkajs
import { readFileSync } from 'node:fs';
import type { Logger } from '@ipledger/runtime';
import { Kafka, logLevel, type LogEntry, type SASLOptions } from 'kafkajs';

/** How to reach a Kafka, and the names there. */
export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** First word of every topic. */
  readonly topicPrefix: string;
  /** Of topics that we make; null = what the broker gives by default. */
  readonly replicationFactor: number | null;
  readonly sasl: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string } | null;
  /** Paths of PEM files; null in it = the system's authorities, no certificate of our own. */
  readonly tls: { readonly caFile: string | null; readonly certFile: string | null; readonly keyFile: string | null } | null;
}

/**
 * After a commit the coordinator refuses the next transaction for a moment, and kafkajs would wait 300 ms: start at 5 ms.
 * Together about 20 s; whoever uses the client goes on from there, with a pause of its own.
 */
const retry = { initialRetryTime: 5, factor: 0.1, multiplier: 1.3, maxRetryTime: 2_000, retries: 30 };

/** @throws when a PEM file cannot be read */
export const createClient = ({ brokers, clientId, sasl, tls }: KafkaSettings, logger: Logger): Kafka => new Kafka({
  brokers: [...brokers],
  clientId,
  connectionTimeout: 3_000,
  requestTimeout: 15_000,
  retry,
  ...(sasl !== null && { sasl: sasl as SASLOptions }),
  ...(tls !== null && { ssl: { ...pem('ca', tls.caFile), ...pem('cert', tls.certFile), ...pem('key', tls.keyFile) } }),
  logLevel: logLevel.ERROR,
  // What kafkajs calls an error is often one of many attempts; ours are logged by those who give up.
  logCreator: () => ({ namespace, log: { message, error } }: LogEntry) => logger.debug(`kafkajs: ${message}`, { namespace, ...(error !== undefined && { error: String(error) }) }),
});

const pem = (option: string, file: string | null): Record<string, string> => (file === null ? {} : { [option]: readFileSync(file, 'utf8') });
