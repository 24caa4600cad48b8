import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { askDesk } from '../ask-desk.js';
import { Broker } from './broker.js';
import { mayDoWithout } from './desk.js';
import { fetchJars, findJava } from './jars.js';

export interface TestKafka {
  readonly brokers: string[];
  /** For topics, groups and transactional ids: specs share the broker, not the names. */
  readonly prefix: string;
}

/**
 * `describe` for what needs a broker: the run's one. Without one the suite is skipped, with the reason as its name; with
 * `CI=true` it fails. To be awaited at the top of a spec file.
 */
export async function describeWithKafka(name: string, suite: (kafka: TestKafka) => void): Promise<void> {
  const answer = await askDesk<{ brokers: string } | { missing: string }>('/kafka');
  if ('missing' in answer) return skip(name, answer.missing);
  describe(name, () => {
    suite({ brokers: answer.brokers.split(','), prefix: uniquePrefix() });
  });
}

/** The same with a broker of the suite's own, from the jars, which it may kill. */
export async function describeWithOwnBroker(name: string, suite: (kafka: TestKafka & { broker: () => Broker }) => void): Promise<void> {
  try {
    await findJava();
    await fetchJars();
  } catch (error) {
    if (mayDoWithout(error)) return skip(name, error.message);
    throw error;
  }
  describe(name, () => {
    let broker: Broker | undefined;
    const started = (): Broker => {
      if (broker === undefined) throw new Error('the broker is started in beforeAll: ask for it later');
      return broker;
    };
    beforeAll(async () => { broker = await Broker.start(); });
    afterAll(() => broker?.stop());
    suite({ get brokers() { return [started().address]; }, prefix: uniquePrefix(), broker: started });
  });
}

const uniquePrefix = (): string => `test-${randomUUID().slice(0, 8)}`;

const skip = (name: string, reason: string): void => {
  console.warn(`skipped, no Kafka: ${name}: ${reason}`);
  describe(name, () => {
    it(`needs a broker: ${reason}`, ({ skip: skipTest }) => skipTest());
  });
};
