import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import type { TestServer } from './postgres-server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Unix socket that answers where the run's Postgres is. */
    postgresDesk: string;
  }
}

/**
 * One Postgres for a whole run of vitest, started when the first spec asks: a run of unit specs starts none.
 * Specs run in other processes, so they ask over a socket.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let server: Promise<TestServer> | undefined;
  const desk = createServer((_, response) => {
    server ??= import('./postgres-server.js').then(({ startTestServer }) => startTestServer());
    server.then(({ adminUrl, template }) => response.end(JSON.stringify({ adminUrl, template })),
      (error: Error) => response.writeHead(500).end(error.stack));
  });
  const folder = await mkdtemp(path.join(os.tmpdir(), 'ipledger-desk-'));
  const socket = path.join(folder, 'socket');
  await new Promise<void>((resolve) => { desk.listen(socket, resolve); });
  project.provide('postgresDesk', socket);
  return async () => {
    desk.close();
    await rm(folder, { recursive: true, force: true });
    await (await server?.catch(() => undefined))?.stop();
  };
}
