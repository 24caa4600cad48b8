import { accessSync, constants } from 'node:fs';
import type { ConfigProblem } from './config.js';

const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
export const saslMechanisms: readonly string[] = mechanisms;

/** How to reach Kafka; null = not set. Without brokers there is no Kafka, and nothing else here counts. */
export type KafkaConfig = {
  /** `host:port` each. */
  kafkaBrokers: string[] | null;
  kafkaTopicPrefix: string;
  kafkaClientId: string;
  kafkaReplicationFactor: number | null;
  kafkaSaslMechanism: (typeof mechanisms)[number] | null;
  kafkaSaslUsername: string | null;
  kafkaSaslPassword: string | null;
  kafkaTlsEnabled: boolean;
  kafkaTlsCaFile: string | null;
  kafkaTlsCertFile: string | null;
  kafkaTlsKeyFile: string | null;
};

/** The same as a client of Kafka takes it; null = no Kafka. */
export const kafkaSettings = (config: KafkaConfig) => (config.kafkaBrokers === null ? null : {
  brokers: config.kafkaBrokers,
  clientId: config.kafkaClientId,
  topicPrefix: config.kafkaTopicPrefix,
  replicationFactor: config.kafkaReplicationFactor,
  sasl: config.kafkaSaslMechanism === null ? null : { mechanism: config.kafkaSaslMechanism, username: config.kafkaSaslUsername ?? '', password: config.kafkaSaslPassword ?? '' },
  tls: config.kafkaTlsEnabled ? { caFile: config.kafkaTlsCaFile, certFile: config.kafkaTlsCertFile, keyFile: config.kafkaTlsKeyFile } : null,
});

/** What is wrong in the combination of options that are each right. */
export const kafkaConflicts = (config: KafkaConfig): ConfigProblem[] => {
  const problems: ConfigProblem[] = [];
  const missing = (name: string, why: string, fix: string): void => void problems.push({ name, value: null, why, fix });
  const { kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword, kafkaTlsEnabled, kafkaTlsCertFile, kafkaTlsKeyFile } = config;
  if (kafkaSaslMechanism !== null) {
    if (kafkaSaslUsername === null) missing('KAFKA_SASL_USERNAME', 'is not set, and KAFKA_SASL_MECHANISM is', 'give the user to log in as');
    if (kafkaSaslPassword === null) missing('KAFKA_SASL_PASSWORD', 'is not set, and KAFKA_SASL_MECHANISM is', 'give the password of the user');
  } else if (kafkaSaslUsername !== null || kafkaSaslPassword !== null) {
    missing('KAFKA_SASL_MECHANISM', 'is not set, but a user or password is', `give one of ${mechanisms.join(', ')}`);
  }
  if ((kafkaTlsCertFile === null) !== (kafkaTlsKeyFile === null)) {
    const [unset, set] = kafkaTlsCertFile === null ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
    missing(`KAFKA_TLS_${unset}_FILE`, `is not set, but KAFKA_TLS_${set}_FILE is`, 'give both, or neither');
  }
  for (const [name, file] of [['CA', config.kafkaTlsCaFile], ['CERT', kafkaTlsCertFile], ['KEY', kafkaTlsKeyFile]] as const) {
    if (file === null) continue;
    if (!kafkaTlsEnabled) missing('KAFKA_TLS_ENABLED', `is not set, but KAFKA_TLS_${name}_FILE is`, 'set it to true, or leave the file out');
    else if (!isReadable(file)) problems.push({ name: `KAFKA_TLS_${name}_FILE`, value: file, why: 'cannot be read', fix: 'give the path of a PEM file that this user may read' });
  }
  return problems;
};

const isReadable = (file: string): boolean => {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
};
