import { Kafka, logLevel } from 'kafkajs';
import { describeWithKafka, describeWithOwnBroker, eventually } from '@ipledger/testing';

const client = (brokers: string[]): Kafka => new Kafka({ brokers, logLevel: logLevel.NOTHING });

await describeWithKafka('the broker of the run', ({ brokers, prefix }) => {
  it('takes topics', async () => {
    const admin = client(brokers).admin();
    await admin.connect();
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic: `${prefix}.a` }] });
    // The broker's metadata follows the controller's a moment later.
    await eventually(async () => expect(await admin.listTopics()).toContain(`${prefix}.a`));
    await admin.disconnect();
  });
});

await describeWithOwnBroker('a broker of our own', (kafka) => {
  it('keeps what it has through kill -9', async () => {
    const before = client(kafka.brokers).admin();
    await before.createTopics({ waitForLeaders: false, topics: [{ topic: 'kept' }] });
    await before.disconnect();
    await kafka.broker().kill();
    await kafka.broker().resume();
    const after = client(kafka.brokers).admin();
    // It answers before it has read all of its own metadata.
    await eventually(async () => expect(await after.listTopics()).toContain('kept'));
    await after.disconnect();
  });
});
