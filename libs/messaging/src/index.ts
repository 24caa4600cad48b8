export { Fenced, PublishFailed, type CommandBatch, type CommandBatchHandler, type LogConsumer, type LogPublisher } from './log.js';
export { eventsOf, recordedCommand, type RecordedCommand, type RecordedEvent } from './recorded.js';
