import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { EmbeddedPostgresError } from '../src/embedded-postgres-error.js';
import { startEmbeddedPostgres } from '../src/embedded-postgres.js';
import type { EmbeddedPostgres } from '../src/embedded-postgres.js';

const binariesDir = path.join(os.tmpdir(), 'ipledger-postgres');
const loader = fileURLToPath(new URL('../../testing/src/ts-loader.mjs', import.meta.url));
const program = fileURLToPath(new URL('embedded-parent.ts', import.meta.url));
const isRoot = os.userInfo().uid === 0;

let seed: string; // a data folder made once, because initdb takes most of the time
let dataDir: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  seed = await mkdtemp(path.join(os.tmpdir(), 'embedded-seed-'));
  await (await startEmbeddedPostgres({ dataDir: seed, binariesDir })).stop();
});

afterAll(() => rm(seed, { recursive: true, force: true }));

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'embedded-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await until(async () => (await postmasterPid()) === undefined);
  await rm(dataDir, { recursive: true, force: true });
});

const start = (options: object = {}): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ dataDir, binariesDir, ...options });

const givenData = async (): Promise<void> => void (await promisify(execFile)('cp', ['-a', path.join(seed, 'pgdata'), dataDir]));

/** Another process that runs the server, until it is killed or its standard input ends. */
async function startElsewhere(as: { uid?: number; gid?: number } = {}): Promise<{ child: ChildProcess; answer: { url?: string; code?: string; message?: string } }> {
  const child = spawn(process.execPath, ['--import', loader, program, dataDir, as.uid === undefined ? binariesDir : ''], { ...as, stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout! })) return { child, answer: JSON.parse(line) as object };
  throw new Error('the process ended without a word');
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

async function refusal(attempt: Promise<EmbeddedPostgres>): Promise<{ code: string; message: string }> {
  const outcome = await attempt.then(async (server) => { await server.stop(); return undefined; }, (error: unknown) => error);
  expect(outcome).toBeInstanceOf(EmbeddedPostgresError);
  const { code, message } = outcome as EmbeddedPostgresError;
  return { code, message };
}

async function postmasterPid(): Promise<number | undefined> {
  const text = await readFile(path.join(dataDir, 'pgdata', 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  try {
    return pid > 0 && process.kill(pid, 0) && pid !== process.pid && !(await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') Z') ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await holds());) {
    if (Date.now() > deadline) throw new Error('waited 60 s in vain');
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

describe('the embedded Postgres', () => {
  it('keeps what was written when it is stopped and started again', async () => {
    await givenData();
    const first = await start();
    await query(first.url, "CREATE TABLE kept AS SELECT 'apple' AS fruit");
    await first.stop();
    expect(await postmasterPid()).toBe(undefined);
    const second = await start();
    expect(await query(second.url, 'SELECT fruit, current_database(), current_setting($$listen_addresses$$) FROM kept')).toEqual(['apple', 'ipledger', '']);
    await second.stop();
  });

  it('is refused a second time on the same data, in one sentence that names the holder, and the first goes on', async () => {
    await givenData();
    const waits: string[] = [];
    const first = await start();
    expect(await refusal(start({ predecessorMs: 100, onWait: (why: string) => waits.push(why) }))).toEqual({
      code: 'already_running', message: `Process ${process.pid} is already running on ${dataDir}.`,
    });
    expect(waits).toEqual([`waiting for process ${process.pid} to let go of ${dataDir}`]);
    expect(await query(first.url, 'SELECT 1')).toEqual([1]);
    await first.stop();
  });

  it('takes over as soon as the first one stops', async () => {
    await givenData();
    const first = await start();
    let stopped = false;
    const second = start({ onWait: () => void first.stop().then(() => { stopped = true; }) });
    await (await second).stop();
    expect(stopped).toBe(true);
  });

  it('ends with its parent when that is killed, and a start right after waits for it and finds every commit', async () => {
    await givenData();
    const { child, answer } = await startElsewhere();
    await query(answer.url ?? '', 'CREATE TABLE kept AS SELECT 7 AS number');
    const orphan = await postmasterPid();
    child.kill('SIGKILL');
    const server = await start();
    expect(await postmasterPid()).not.toBe(orphan);
    expect(await query(server.url, 'SELECT number FROM kept')).toEqual([7]);
    await server.stop();
  });

  it('recovers when everything was killed at once, and does not trust what was left behind', async () => {
    await givenData();
    const { child, answer } = await startElsewhere();
    await query(answer.url ?? '', 'CREATE TABLE kept AS SELECT 7 AS number');
    const postmaster = await postmasterPid();
    process.kill(postmaster ?? 0, 'SIGKILL');
    child.kill('SIGKILL');
    expect(await readdir(dataDir)).toContain('lock');
    expect(await readdir(path.join(dataDir, 'pgdata'))).toContain('postmaster.pid');
    const server = await start();
    expect(await query(server.url, 'SELECT number FROM kept')).toEqual([7]);
    await server.stop();
  });

  it('starts although the pid of a Postgres that crashed now belongs to another program', async () => {
    await givenData();
    await (await start()).stop();
    const segment = '   1234567  4294967295';
    await writeFile(path.join(dataDir, 'pgdata', 'postmaster.pid'), [process.pid, dataDir, 1, 5432, dataDir, '', segment, 'ready', ''].join('\n'));
    await (await start()).stop();
  });

  it('tells when Postgres ends by itself', async () => {
    await givenData();
    const server = await start();
    process.kill((await postmasterPid()) ?? 0, 'SIGINT');
    expect(await server.ended).toMatch(/^Postgres ended by itself: .*database system is shut down$/);
    await server.stop();
  });

  it('makes the database anew when making it was interrupted', async () => {
    await mkdir(path.join(dataDir, 'pgdata.new', 'base'), { recursive: true });
    await (await start()).stop();
    expect(await readdir(dataDir)).toEqual(['pgdata', 'postgres.log']);
  });

  it('runs in a folder whose path is too long for a socket', async () => {
    const deep = path.join(dataDir, 'x'.repeat(120));
    const server = await startEmbeddedPostgres({ dataDir: deep, binariesDir });
    expect(await query(server.url, 'SELECT 1')).toEqual([1]);
    expect(await refusal(startEmbeddedPostgres({ dataDir: deep, binariesDir, predecessorMs: 0 }))).toMatchObject({ code: 'already_running' });
    await server.stop();
    expect(await readdir(deep)).toEqual(['pgdata', 'postgres.log']);
  });

  it.runIf(isRoot)('runs as an ordinary user, with the binaries in the data folder', async () => {
    await chown(dataDir, 65534, 65534);
    const { child, answer } = await startElsewhere({ uid: 65534, gid: 65534 });
    expect(answer).toEqual({ url: `postgresql://postgres@localhost:5432/ipledger?host=${encodeURIComponent(path.join(dataDir, 'pgdata'))}` });
    child.stdin?.end();
    await until(async () => child.exitCode !== null);
    expect((await readdir(dataDir)).some((name) => /^postgres-\d+\./.test(name))).toBe(true);
  });

  it.runIf(isRoot)('runs under a home that only root may enter', async () => {
    const server = await start({ dataDir: path.join(await closedFolder(), 'data'), binariesDir: undefined });
    expect(await query(server.url, 'SELECT 1')).toEqual([1]);
    await server.stop();
  });

  async function closedFolder(): Promise<string> {
    const folder = path.join(dataDir, 'home');
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }

  describe('leaves alone, and says so in one sentence', () => {
    it('a folder that is not its own', async () => {
      await mkdir(path.join(dataDir, 'pgdata'));
      await writeFile(path.join(dataDir, 'pgdata', 'thesis.txt'), 'irreplaceable');
      expect(await refusal(start())).toEqual({
        code: 'data_dir_corrupt', message: `${path.join(dataDir, 'pgdata')} is not a Postgres data folder (it has no PG_VERSION); it was left as it is.`,
      });
      expect(await readdir(path.join(dataDir, 'pgdata'))).toEqual(['thesis.txt']);
    });

    it('the data of another major version', async () => {
      await mkdir(path.join(dataDir, 'pgdata'));
      await writeFile(path.join(dataDir, 'pgdata', 'PG_VERSION'), '14\n');
      expect(await refusal(start())).toEqual({
        code: 'data_dir_version', message: `${path.join(dataDir, 'pgdata')} was written by Postgres 14, but this is Postgres 18; it was left as it is.`,
      });
    });

    it('data without its control file', async () => {
      await givenData();
      await (await start()).stop();
      await rm(path.join(dataDir, 'pgdata', 'global', 'pg_control'));
      const { code, message } = await refusal(start());
      expect(code).toBe('data_dir_corrupt');
      expect(message).toMatch(/^Postgres does not start on .*pgdata: .*pg_control/);
      expect(await readdir(path.join(dataDir, 'pgdata'))).toContain('PG_VERSION');
    });

    it('a path that is no folder', async () => {
      const file = path.join(dataDir, 'file');
      await writeFile(file, '');
      expect(await refusal(start({ dataDir: file }))).toEqual({ code: 'data_dir_not_writable', message: `The data folder ${file} cannot be written (EEXIST).` });
    });

    it('a setting that Postgres does not know', async () => {
      await givenData();
      const { code, message } = await refusal(start({ settings: { no_such_setting: 1 } }));
      expect(code).toBe('start_failed');
      expect(message).toContain('unrecognized configuration parameter "no_such_setting"');
      await (await start()).stop(); // the lock was let go of
    });
  });
});
