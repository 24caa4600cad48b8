export type { AddressRecord, ReachedRecord } from './address-record.js';
export { InMemoryTransport } from './in-memory.js';
export type { KafkaSettings } from './kafka/client.js';
export { KafkaConsumer } from './kafka/consumer.js';
export { KafkaPublisher } from './kafka/publisher.js';
export { Fenced, PublishFailed, type CommandBatch, type CommandBatchHandler, type LogConsumer, type LogPublisher } from './log.js';
export { eventsOf, recordedCommand, type RecordedCommand, type RecordedEvent } from './recorded.js';
export { LogTail } from './postgres/log-tail.js';
export { topicsOf } from './topics.js';
