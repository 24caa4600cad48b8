import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Bench } from './bench.js';
import { figure, median, spread, table } from './figures.js';
import { readSample } from './rows.js';
import { poolCidrs } from './seed.js';

const clientCounts = [1, 16, 64] as const;
const poolBits = 65_536;
const triesMax = 10_000;

/**
 * How others allocate, as small SQL programs: each takes a dual-stack pair and stores the Service's document, in one transaction.
 * They keep no log, check no rule and speak no HTTP, which favours them; each chooses its address in the cheapest way its kind allows.
 */
interface Pattern {
  name: string;
  /** One allocation, tried again until it is done. */
  allocate(client: pg.Client, document: string): Promise<void>;
}

const schema = `CREATE SCHEMA peers;
  CREATE TABLE peers.allocations (pattern text, family int, address bigint, owner uuid NOT NULL, PRIMARY KEY (pattern, family, address));
  CREATE TABLE peers.documents (owner uuid PRIMARY KEY, document text NOT NULL);
  CREATE TABLE peers.pools (family int PRIMARY KEY, version bigint NOT NULL, bits bytea NOT NULL);
  INSERT INTO peers.pools SELECT family, 0, decode(repeat('00', ${poolBits / 8}), 'hex') FROM unnest(ARRAY[4, 6]) AS family`;

const store = (client: pg.Client, owner: string, document: string): Promise<unknown> =>
  client.query({ name: 'store', text: 'INSERT INTO peers.documents VALUES ($1, $2)', values: [owner, document] });

const insertNext = (client: pg.Client, pattern: string, family: number, owner: string): Promise<unknown> =>
  client.query({
    name: 'next', values: [pattern, family, owner],
    text: `INSERT INTO peers.allocations SELECT $1, $2, coalesce((SELECT address FROM peers.allocations WHERE pattern = $1 AND family = $2
      ORDER BY pattern DESC, family DESC, address DESC LIMIT 1), 0) + 1, $3`,
  });

/** Everybody takes the same lock for the length of the transaction. */
const globalLock: Pattern = {
  name: 'global lock',
  allocate: async (client, document) => {
    const owner = randomUUID();
    await client.query('BEGIN');
    await client.query({ name: 'lock', text: 'SELECT pg_advisory_xact_lock(7)' });
    for (const family of [4, 6]) await insertNext(client, 'lock', family, owner);
    await store(client, owner, document);
    await client.query('COMMIT');
  },
};

/** Reads the highest address, inserts the next; whoever comes second finds the key taken and tries again. */
const uniqueKey: Pattern = {
  name: 'next free by unique key',
  allocate: (client, document) => retried(async () => {
    const owner = randomUUID();
    await client.query('BEGIN');
    for (const family of [4, 6]) await insertNext(client, 'key', family, owner);
    await store(client, owner, document);
    await client.query('COMMIT');
  }, client),
};

/** A pool is one row with its bits: read, set one, write back if nobody else has. */
const documentPerPool: Pattern = {
  name: 'document per pool, version check',
  allocate: (client, document) => retried(async () => {
    const owner = randomUUID();
    const { rows } = await client.query<{ family: number; version: string; bits: Buffer }>({ name: 'pools', text: 'SELECT family, version, bits FROM peers.pools ORDER BY family' });
    await client.query('BEGIN');
    for (const { family, version, bits } of rows) {
      let byte = Math.floor(Math.random() * bits.length);
      while (bits[byte] === 0xff) byte = (byte + 1) % bits.length;
      bits[byte] = (bits[byte] ?? 0) | ((bits[byte] ?? 0) + 1); // the lowest bit that is not set
      const { rowCount } = await client.query({ name: 'pool', text: 'UPDATE peers.pools SET version = version + 1, bits = $3 WHERE family = $1 AND version = $2', values: [family, version, bits] });
      if (rowCount !== 1) throw new Outpaced();
    }
    await store(client, owner, document);
    await client.query('COMMIT');
  }, client),
};

class Outpaced extends Error {}

const retried = async (work: () => Promise<void>, client: pg.Client): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      await client.query('ROLLBACK');
      if (attempt === triesMax || !(error instanceof Outpaced || (error as pg.DatabaseError).code === '23505')) throw error;
    }
  }
};

const patterns = [globalLock, documentPerPool, uniqueKey];

/** The patterns of others against the same Postgres as the service, in turn with it. */
export const peers = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  await service.post('/v1/clusters', { name: 'http', serviceCIDRs: poolCidrs });
  await bench.warmUp(service, 'http');
  const { document } = await bench.withDatabase(service, async (client) => {
    await client.query(schema);
    return readSample(client, 'http', await bench.createSample(service, 'http'));
  });
  const clients = await Promise.all(Array.from({ length: Math.max(...clientCounts) }, async () => {
    const client = new pg.Client({ connectionString: service.databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }));
  try {
    const variants = clientCounts.flatMap((count) => [undefined, ...patterns].map((pattern) => ({ count, pattern, name: `${pattern?.name ?? 'ipledger over HTTP'}, ${count} clients` })));
    const found = await bench.alternate('peers', variants, async ({ count, pattern }) =>
      pattern === undefined ? bench.load(service, { cluster: 'http', connections: count, mode: 'create' }) : { perSecond: await runFor(bench.settings.seconds, clients.slice(0, count), pattern, document) });
    const roundsOf = (count: number, pattern: Pattern | undefined): number[] => found.find(({ variant }) => variant.count === count && variant.pattern === pattern)?.results.map(({ perSecond }) => perSecond) ?? [];
    bench.print('Patterns of others: dual-stack allocations per second', table([
      ['clients', 'ipledger over HTTP', ...patterns.flatMap(({ name }) => [name, 'ipledger / it'])],
      ...clientCounts.map((count) => {
        const own = roundsOf(count, undefined);
        return [String(count), spread(own), ...patterns.flatMap((pattern) => {
          const theirs = roundsOf(count, pattern);
          return [spread(theirs), figure(median(own.map((perSecond, round) => perSecond / (theirs[round] ?? NaN))), 2)];
        })];
      }),
    ]));
    await bench.chart('peers', 'Patterns of others on the same Postgres', 'dual-stack allocations per second', found.map(({ variant: { name }, results }) => ({ label: name, rounds: results.map(({ perSecond }) => perSecond) })));
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    await service.stop();
  }
};

/** @returns allocations per second */
const runFor = async (seconds: number, clients: readonly pg.Client[], pattern: Pattern, document: string): Promise<number> => {
  const startMs = performance.now();
  let done = 0;
  await Promise.all(clients.map(async (client) => {
    while (performance.now() - startMs < seconds * 1000) {
      await pattern.allocate(client, document);
      done++;
    }
  }));
  return done / ((performance.now() - startMs) / 1000);
};
