import { existsSync } from 'node:fs';
import { Broker } from './broker.js';
import { NoBroker } from './jars.js';

/** The container starts through Confluent's scripts, so it must be their image; 8.1 is Apache Kafka 4.1. */
const defaultImage = 'confluentinc/cp-kafka:8.1.0';
const containerPort = 9093;

export interface TestBroker {
  /** `host:port`, with commas. */
  readonly brokers: string;
  stop(): Promise<void>;
}

/**
 * The broker of KAFKA_BROKERS, else one in a container where an engine answers, else one from the jars.
 * @throws NoBroker when there is none to be had
 */
export async function startTestBroker(): Promise<TestBroker> {
  const given = process.env['KAFKA_BROKERS'];
  if (given !== undefined && given !== '') return { brokers: given, stop: async () => undefined };
  return (await startContainer()) ?? startFromJars();
}

/** undefined = no container engine answers. */
async function startContainer(): Promise<TestBroker | undefined> {
  if (process.env['DOCKER_HOST'] === undefined && !existsSync('/var/run/docker.sock')) return undefined;
  const { getContainerRuntimeClient } = await import('testcontainers');
  if ((await getContainerRuntimeClient().catch(() => undefined)) === undefined) return undefined;
  const { KafkaContainer } = await import('@testcontainers/kafka');
  const container = await new KafkaContainer(process.env['TEST_KAFKA_IMAGE'] ?? defaultImage).withKraft().withEnvironment({ KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1' }).start();
  return { brokers: `${container.getHost()}:${container.getMappedPort(containerPort)}`, stop: async () => void (await container.stop()) };
}

async function startFromJars(): Promise<TestBroker> {
  const broker = await Broker.start();
  return { brokers: broker.address, stop: () => broker.stop() };
}

/** Whether a missing broker is a reason to skip: where a run must be whole (`CI=true`) it is a failure. */
export const mayDoWithout = (error: unknown): error is NoBroker => error instanceof NoBroker && process.env['CI'] !== 'true';
