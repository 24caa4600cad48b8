import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { migrate } from '@ipledger/event-store';
import { startEmbeddedPostgres } from '@ipledger/runtime';
import pg from 'pg';

export interface TestServer {
  /** A database to connect to for CREATE DATABASE. */
  readonly adminUrl: string;
  /** The name of a migrated database that nobody is connected to, for cloning. */
  readonly template: string;
  stop(): Promise<void>;
}

/** The server of TEST_DATABASE_URL, or one in a container with TEST_CONTAINERS=1, or the embedded one. */
export async function startTestServer(): Promise<TestServer> {
  const { url, stop } = await startServer();
  const template = `ipledger_template_${process.pid}`;
  await runSql(url, `DROP DATABASE IF EXISTS ${template}`);
  await runSql(url, `CREATE DATABASE ${template}`);
  await migrate(withDatabase(url, template));
  return {
    adminUrl: url,
    template,
    stop: async () => {
      await runSql(url, `DROP DATABASE ${template}`);
      await stop();
    },
  };
}

export function withDatabase(url: string, name: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${name}`;
  return parsed.href;
}

/** On a connection of its own: CREATE DATABASE cannot run in a transaction. */
export async function runSql(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function startServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const { TEST_DATABASE_URL: given, TEST_CONTAINERS: containers, TEST_POSTGRES_IMAGE: image = 'postgres:18' } = process.env;
  if (given !== undefined) return { url: given, stop: async () => undefined };
  if (containers === '1') {
    const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
    const container = await new PostgreSqlContainer(image).start();
    return { url: container.getConnectionUri(), stop: async () => void (await container.stop()) };
  }
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'ipledger-test-'));
  const server = await startEmbeddedPostgres({ dataDir, binariesDir: path.join(os.tmpdir(), 'ipledger-postgres'), settings: fastSettings });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The data need not outlive the machine: kills of processes are safe without fsync, only power cuts are not. */
const fastSettings = { fsync: 'off', full_page_writes: 'off', autovacuum_naptime: '5s' };
