import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import type { TestBroker } from './kafka/desk.js';
import type { TestServer } from './postgres-server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Unix socket that answers where the run's Postgres (`/postgres`) and its Kafka (`/kafka`) are. */
    serverDesk: string;
  }
}

/**
 * One Postgres and one Kafka for a whole run of vitest, each started when the first spec asks: a run of unit specs starts
 * none. Specs run in other processes, so they ask over a socket.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let postgres: Promise<TestServer> | undefined;
  let kafka: Promise<TestBroker> | undefined;
  const answers: Record<string, () => Promise<object>> = {
    '/postgres': async () => {
      postgres ??= import('./postgres-server.js').then(({ startTestServer }) => startTestServer());
      const { adminUrl, template } = await postgres;
      return { adminUrl, template };
    },
    '/kafka': async () => {
      const { mayDoWithout, startTestBroker } = await import('./kafka/desk.js');
      kafka ??= startTestBroker();
      return kafka.then(({ brokers }) => ({ brokers }), (error: unknown) => {
        if (mayDoWithout(error)) return { missing: error.message };
        throw error;
      });
    },
  };
  const desk = createServer(({ url = '' }, response) => {
    (answers[url] ?? (() => Promise.reject(new Error(`nobody asks for ${url}`))))()
      .then((answer) => response.end(JSON.stringify(answer)), (error: Error) => response.writeHead(500).end(error.stack));
  });
  const folder = await mkdtemp(path.join(os.tmpdir(), 'ipledger-desk-'));
  const socket = path.join(folder, 'socket');
  await new Promise<void>((resolve) => { desk.listen(socket, resolve); });
  project.provide('serverDesk', socket);
  return async () => {
    desk.close();
    await rm(folder, { recursive: true, force: true });
    await Promise.all([postgres, kafka].map(async (server) => (await server?.catch(() => undefined))?.stop()));
  };
}
