export { freshDatabase, useFreshDatabase } from './database.js';
export type { TestDatabase } from './database.js';
export { eventually } from './eventually.js';
export type { EventuallyOptions } from './eventually.js';
export { IdentityProvider } from './identity-provider.js';
export { TcpProxy } from './tcp-proxy.js';
export { runSql, withDatabase } from './postgres-server.js';
export { Broker } from './kafka/broker.js';
export { describeWithKafka, describeWithOwnBroker, type TestKafka } from './kafka/describe.js';
