// Node sees some of the names only that this CommonJS module exports.
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import type { Topic } from '../topics.js';

const leaderWaitMsMax = 30_000;

/** Which of these topics are not there. */
export const missingTopics = async (kafka: Kafka, topics: readonly Topic[]): Promise<Topic[]> => withAdmin(kafka, async (admin) => {
  const there = new Set(await admin.listTopics());
  return topics.filter(({ name }) => !there.has(name));
});

/**
 * Makes the topics that are not there, and compares the others with what they have to be.
 * @returns what is not as it has to be, each as a sentence for an operator; nothing is changed about it
 */
export const ensureTopics = async (kafka: Kafka, topics: readonly Topic[], replicationFactor: number | null): Promise<string[]> =>
  withAdmin(kafka, async (admin) => {
    const there = new Set(await admin.listTopics());
    const missing = topics.filter(({ name }) => !there.has(name));
    if (missing.length > 0) await make(admin, missing, replicationFactor);
    return mismatches(admin, topics);
  });

const make = async (admin: Admin, topics: readonly Topic[], replicationFactor: number | null): Promise<void> => {
  // Waiting for leaders, kafkajs looks once after 100 ms and then throws although the topic is there. Another process may be
  // making the same: that answers false, not an error.
  await admin.createTopics({
    waitForLeaders: false,
    topics: topics.map(({ name, partitions, settings }) => ({
      topic: name, numPartitions: partitions, replicationFactor: replicationFactor ?? -1,
      configEntries: Object.entries(settings).map(([setting, value]) => ({ name: setting, value })),
    })),
  });
  for (const deadline = Date.now() + leaderWaitMsMax; ;) {
    const found = await admin.fetchTopicMetadata({ topics: topics.map(({ name }) => name) }).catch(() => undefined);
    if (found?.topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)) === true) return;
    if (Date.now() > deadline) throw new Error(`the topics ${topics.map(({ name }) => name).join(', ')} have no leaders after ${leaderWaitMsMax / 1000} s`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
};

const mismatches = async (admin: Admin, topics: readonly Topic[]): Promise<string[]> => {
  const metadata = await admin.fetchTopicMetadata({ topics: topics.map(({ name }) => name) });
  const described = await admin.describeConfigs({
    includeSynonyms: false, resources: topics.map(({ name, settings }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: Object.keys(settings) })),
  }).catch((error: Error) => error);
  return topics.flatMap((topic) => {
    const has = metadata.topics.find(({ name }) => name === topic.name)?.partitions.length;
    const partitions = has === topic.partitions ? [] : [`topic ${topic.name} has ${has} partitions, not ${topic.partitions}: both topics need the same number, for life`];
    if (described instanceof Error) return [...partitions, `the settings of topic ${topic.name} could not be read: ${described.message}`];
    const entries = described.resources.find(({ resourceName }) => resourceName === topic.name)?.configEntries ?? [];
    const settings = Object.entries(topic.settings).flatMap(([setting, value]) => {
      const found = entries.find(({ configName }) => configName === setting)?.configValue;
      return found === value ? [] : [`topic ${topic.name} has ${setting}=${found ?? 'nothing'}, not ${value}`];
    });
    return [...partitions, ...settings];
  });
};

const withAdmin = async <T>(kafka: Kafka, work: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
};
