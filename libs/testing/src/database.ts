import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { askDesk } from './ask-desk.js';
import { eventually } from './eventually.js';
import { runSql, withDatabase } from './postgres-server.js';

export interface TestDatabase {
  readonly url: string;
  /** Fails if anybody is still connected: a pool that a test forgot to close is a fault of the test. */
  drop(): Promise<void>;
}

/**
 * A migrated database of its own on the run's Postgres, cloned from a template. Needs `global-setup.ts` in the vitest
 * configuration.
 * @param options `migrated: false` for an empty one
 */
export async function freshDatabase(options: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const { adminUrl, template } = await askDesk<{ adminUrl: string; template: string }>('/postgres');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  // Cloning needs the template to itself for a moment, and another spec may be cloning.
  await eventually(() => runSql(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${options.migrated === false ? 'template0' : template}`), { everyMs: 50 });
  return {
    url: withDatabase(adminUrl, name),
    // A closed connection is gone on the server a moment later.
    drop: () => eventually(() => runSql(adminUrl, `DROP DATABASE ${name}`)),
  };
}

/** A fresh database for the tests of the enclosing file or `describe`, dropped after them. `url` is there from `beforeAll` on. */
export function useFreshDatabase(): { readonly url: string } {
  let database: TestDatabase | undefined;
  beforeAll(async () => { database = await freshDatabase(); });
  afterAll(async () => { await database?.drop(); });
  return {
    get url(): string {
      if (database === undefined) throw new Error('the database is made in beforeAll: ask for its url later');
      return database.url;
    },
  };
}
