import { setUpAccess, type AccessSetUp } from '@ipledger/access';
import { createPool, InMemoryEventStore, PostgresEventStore, type EventStore } from '@ipledger/event-store';
import { createLogger, type AccessConfig } from '@ipledger/runtime';
import { freshDatabase, type TestDatabase } from '@ipledger/testing';
import { createAllocator, type Allocator, type AllocatorOptions } from '../src/index.js';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON; undefined when it is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  json: any;
}

export interface TestServer {
  url: string;
  store: EventStore;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The path of the Services of a namespace in a cluster. */
  services(cluster: string, namespace?: string): string;
  register(cluster: string, serviceCIDRs: string[]): Promise<void>;
  revision(cluster: string): Promise<number>;
  routes: readonly { method: string; path: string }[];
  /** Not started. */
  assigner: Allocator['assigner'];
  /** null when nobody is asked who he is. */
  access: AccessSetUp | null;
  close(): Promise<void>;
}

/** The real server on a free port of this machine, over the in-memory store unless told otherwise. */
export const startServer = async (store: EventStore = new InMemoryEventStore(), settings: { queueLimit?: number; queueSeconds?: number; batchLimit?: number } = {}, access?: Partial<AccessConfig>, extras: Pick<AllocatorOptions, 'views' | 'onCommit' | 'stats'> = {}): Promise<TestServer> => {
  const logger = createLogger({ level: 'error', format: 'pretty' });
  const letIn = access === undefined ? undefined : setUpAccess({ ...withoutAccess, ...access }, logger);
  const allocator = await createAllocator({
    store,
    logger,
    settings: { queueLimit: 2048, batchLimit: 256, clusterIdleSeconds: 600, ...settings },
    version: 'test',
    isStopping: () => false,
    ...extras,
  }, letIn);
  const url = `${letIn?.tls ? 'https' : 'http'}://127.0.0.1:${await allocator.listen(0, '127.0.0.1')}`;
  const send: TestServer['send'] = async (method, path, body, headers = {}) => {
    const isText = typeof body === 'string' || body instanceof Uint8Array;
    const answer = await fetch(url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: parse(text) };
  };
  return {
    url, store, send, routes: allocator.routes, assigner: allocator.assigner, access: letIn ?? null,
    services: (cluster, namespace = 'default') => `/clusters/${cluster}/api/v1/namespaces/${namespace}/services`,
    register: async (name, serviceCIDRs) => {
      const answer = await send('POST', '/v1/clusters', { name, serviceCIDRs });
      if (answer.status !== 201) throw new Error(`cluster ${name}: ${answer.status} ${answer.text}`);
    },
    revision: async (cluster) => ((await send('GET', `/v1/clusters/${cluster}`)).json as { revision: number }).revision,
    close: async () => {
      letIn?.stop();
      await allocator.assigner.stop();
      await allocator.close();
    },
  };
};

const withoutAccess: AccessConfig = {
  allowAnonymous: false, accessFile: null, oidcIssuer: null, oidcAudience: null, oidcJwksUri: null, oidcUserClaim: 'sub', oidcGroupsClaim: 'groups', oidcPrefix: 'oidc:',
  tlsCertFile: null, tlsKeyFile: null, tlsClientCaFile: null, metricsAuth: 'on', rateLimit: 0, rateBurst: 0, wrongTokenLimit: 60, requestLimit: 4096, streamLimit: 10_000, streamLimitPerIdentity: 5_000,
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** Two servers on one fresh Postgres for the enclosing `describe`. The list is filled before its tests, and all of it is gone after them. */
export const useTwoReplicas = (): TestServer[] => {
  const replicas: TestServer[] = [];
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
    replicas.push(...(await Promise.all([0, 1].map(() => startServer(new PostgresEventStore(createPool({ url: database.url })))))));
  });
  afterAll(async () => {
    for (const replica of replicas) {
      await replica.close();
      await replica.store.close();
    }
    await database.drop();
  });
  return replicas;
};
