import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { access, chmod, chown, constants, lstat, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { socketPathBytesMax, takeDataLock } from './data-lock.js';
import type { DataLock } from './data-lock.js';
import { installBinaries } from './embedded-binaries.js';
import type { Binaries } from './embedded-binaries.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { watcherScript } from './embedded-postgres-watcher.js';
import { removeReusedPidFile, runningPostmaster } from './postmaster-pid.js';

export interface EmbeddedPostgresOptions {
  /** Made if missing. Holds `pgdata`, `postgres.log`, the lock and a copy of the binaries. */
  readonly dataDir: string;
  /** Server settings beyond ours, such as `{ listen_addresses: '127.0.0.1', port: 5433 }`, which needs a password (scram). */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Where the binaries are copied to; the default is the data folder if Postgres can reach it there, else a temporary folder. */
  readonly binariesDir?: string;
  /** How long a predecessor on the same data may take to end; 10 s unless told. */
  readonly predecessorMs?: number;
  /** Called once when there is a predecessor to wait for. */
  readonly onWait?: (reason: string) => void;
}

export interface EmbeddedPostgres {
  /** Over a Unix socket that only this user can reach; superuser, database `ipledger`. There is no TCP port unless the settings open one. */
  readonly url: string;
  /** Resolves with a sentence when Postgres ended although nobody called `stop`; never rejects. */
  readonly ended: Promise<string>;
  /** Fast shutdown: open transactions are rolled back. Resolves when Postgres is gone and the data may be started again. */
  stop(): Promise<void>;
}

const pollMs = 25;
/** Crash recovery replays up to a gigabyte of log (max_wal_size); slow disks need minutes for it. */
const startMsMax = 300_000;
/** The user `nobody`, whom Postgres runs as when we are root: it refuses to run as root itself. */
const nobody = 65534;
const database = 'ipledger';

/** Where Postgres runs and as whom. */
interface Place {
  readonly dataDir: string;
  readonly pgdata: string;
  /** undefined = as ourselves */
  readonly user: { uid: number; gid: number } | undefined;
}

/**
 * Starts the Postgres that comes with us on a data folder, as a child that ends with this process.
 * @throws EmbeddedPostgresError
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const deadline = Date.now() + (options.predecessorMs ?? 10_000);
  const dataDir = await prepareDataDir(path.resolve(options.dataDir));
  const lock = await lockData(dataDir, deadline, options.onWait);
  try {
    const place = await findPlace(dataDir);
    const binaries = await installBinaries(options.binariesDir ?? (await reachableFolder(place)));
    await makeDataFolder(place, binaries);
    await waitForPredecessor(place, deadline, options.onWait);
    return await run(place, binaries, options.settings ?? {}, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function prepareDataDir(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK | constants.X_OK);
    return dataDir;
  } catch (error) {
    throw notWritable(dataDir, error);
  }
}

async function lockData(dataDir: string, deadline: number, onWait?: (reason: string) => void): Promise<DataLock> {
  for (let tries = 0; ; tries += 1) {
    const outcome = await takeDataLock(dataDir).catch((error: unknown) => { throw notWritable(dataDir, error); });
    if ('lock' in outcome) return outcome.lock;
    if (tries === 0) onWait?.(`waiting for process ${outcome.heldBy} to let go of ${dataDir}`);
    if (Date.now() >= deadline) {
      throw new EmbeddedPostgresError('already_running', `Process ${outcome.heldBy} is already running on ${dataDir}.`);
    }
    await delay(pollMs);
  }
}

/** As root, Postgres runs as the owner of the data, so that a folder made by an ordinary user stays usable for them. */
async function findPlace(dataDir: string): Promise<Place> {
  const pgdata = path.join(dataDir, 'pgdata');
  const owner = await stat(pgdata).catch(() => undefined);
  const { uid } = os.userInfo();
  if (uid !== 0) {
    if (owner === undefined || owner.uid === uid) return { dataDir, pgdata, user: undefined };
    throw new EmbeddedPostgresError('data_dir_not_writable', `${pgdata} belongs to user ${owner.uid}, but this process runs as user ${uid}.`);
  }
  const user = owner === undefined || owner.uid === 0 ? { uid: nobody, gid: nobody } : { uid: owner.uid, gid: owner.gid };
  return { dataDir, pgdata, user };
}

/** Under a 0700 home, root's for one, the Postgres user cannot reach the data folder by its path. */
async function reachableFolder({ dataDir, user }: Place): Promise<string> {
  if (user === undefined) return dataDir;
  for (let folder = dataDir; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return path.join(os.tmpdir(), 'ipledger-postgres');
  }
  return dataDir;
}

/** initdb works in `pgdata.new`, which gets its name when it is whole: an interrupted one is never mistaken for data. */
async function makeDataFolder(place: Place, binaries: Binaries): Promise<void> {
  if (await exists(place.pgdata)) return assertDataFolder(place.pgdata, binaries);
  const draft = `${place.pgdata}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await handOver(draft, place);
  const flags = ['--username=postgres', '--auth-local=trust', '--auth-host=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-instructions'];
  const child = spawn(binaries.initdb, ['-D', nameFor(place, draft), ...flags], { ...asPlace(place, draft), stdio: ['ignore', 'ignore', 'pipe'] });
  const { code, output } = await outcomeOf(child);
  if (code !== 0) throw new EmbeddedPostgresError('start_failed', `Making the database in ${draft} failed: ${lastLine(output)}`);
  await rename(draft, place.pgdata);
}

async function assertDataFolder(pgdata: string, { majorVersion }: Binaries): Promise<void> {
  const version = (await readFile(path.join(pgdata, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (version === '') {
    throw new EmbeddedPostgresError('data_dir_corrupt', `${pgdata} is not a Postgres data folder (it has no PG_VERSION); it was left as it is.`);
  }
  if (version !== String(majorVersion)) {
    throw new EmbeddedPostgresError('data_dir_version', `${pgdata} was written by Postgres ${version}, but this is Postgres ${majorVersion}; it was left as it is.`);
  }
}

async function handOver(folder: string, { dataDir, user }: Place): Promise<void> {
  if (user === undefined) return;
  await chown(folder, user.uid, user.gid).catch((error: unknown) => { throw notWritable(dataDir, error); });
}

/** A postmaster whose Node was killed is being stopped by its watcher. */
async function waitForPredecessor(place: Place, deadline: number, onWait?: (reason: string) => void): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const pid = await runningPostmaster(place.pgdata);
    if (pid === undefined) break;
    if (tries === 0) onWait?.(`waiting for the Postgres of an earlier run (process ${pid}) to stop`);
    if (Date.now() >= deadline) {
      throw new EmbeddedPostgresError('already_running', `The Postgres of an earlier run (process ${pid}) is still running on ${place.pgdata}.`);
    }
    await delay(pollMs);
  }
  await removeReusedPidFile(place.pgdata);
}

async function run(place: Place, binaries: Binaries, settings: Readonly<Record<string, string | number>>, lock: DataLock): Promise<EmbeddedPostgres> {
  const socket = await socketFolder(place);
  const logFile = path.join(place.dataDir, 'postgres.log');
  const log = openSync(logFile, 'a');
  const logStart = (await stat(logFile)).size;
  const all = { ...ourSettings, unix_socket_directories: socket.serverName, ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const watcher = spawn('/bin/sh', ['-c', watcherScript, 'watcher', binaries.postgres, '-D', nameFor(place, place.pgdata), ...flags], {
    ...asPlace(place, place.pgdata),
    stdio: ['pipe', log, log],
    detached: true, // Ctrl-C in a terminal goes to the whole process group: Postgres must outlive our drain
  });
  closeSync(log);
  watcher.stdin?.on('error', () => undefined); // Postgres ended first; its exit is what tells
  let stopping = false;
  const exited = outcomeOf(watcher);
  const stop = async (): Promise<void> => {
    stopping = true;
    watcher.stdin?.end();
    await exited;
    await socket.remove();
    await lock.release();
  };
  const urlTo = (name: string): string => `postgresql://postgres@localhost:${all.port}/${name}?host=${encodeURIComponent(socket.clientName)}`;
  try {
    await Promise.race([untilReady(urlTo('postgres')), exited.then(async () => { throw await startError(place, logFile, logStart); })]);
  } catch (error) {
    await stop();
    throw error;
  }
  const ended = exited.then(async () => (stopping ? new Promise<string>(() => undefined) : `Postgres ended by itself: ${lastLine(await logSince(logFile, logStart))}`));
  return { url: urlTo(database), ended, stop };
}

/** No TCP: anybody on the machine could try passwords. Messages below a warning would only fill the disk. */
const ourSettings = {
  listen_addresses: '', port: 5432, unix_socket_permissions: '0700', log_min_messages: 'warning', log_line_prefix: '%m [%p] ',
  max_connections: 200, max_wal_senders: 0, wal_level: 'minimal', fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on',
};

/** The socket stands in the data folder, which is 0700, unless its path is too long for a socket. */
async function socketFolder(place: Place): Promise<{ serverName: string; clientName: string; remove: () => Promise<void> }> {
  if (Buffer.byteLength(path.join(place.pgdata, '.s.PGSQL.65535')) <= socketPathBytesMax) {
    return { serverName: nameFor(place, place.pgdata), clientName: place.pgdata, remove: async () => undefined };
  }
  const folder = path.join('/tmp', `ipledger-${createHash('sha256').update(place.pgdata).digest('hex').slice(0, 16)}`);
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => { if (error.code !== 'EEXIST') throw error; });
  await assertPrivate(folder, place);
  await handOver(folder, place);
  await chmod(folder, 0o700);
  return { serverName: folder, clientName: folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Everybody may write to /tmp: a folder that somebody else put there could show our clients another server. */
async function assertPrivate(folder: string, { user }: Place): Promise<void> {
  const found = await lstat(folder);
  if (found.isDirectory() && (found.uid === os.userInfo().uid || found.uid === user?.uid)) return;
  throw new EmbeddedPostgresError('start_failed', `${folder} belongs to another user: remove it, or choose a data folder with a shorter path.`);
}

/**
 * What Postgres calls a folder that is its working directory. As root we can enter a folder on behalf of a user who could
 * not reach it by path; in there /proc/self/cwd is a way to it that needs no permission on the folders above.
 */
function nameFor({ user }: Place, folder: string): string {
  return user !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : folder;
}

/** Nothing of our environment: PGPORT, PGDATA and others would overrule what we say. */
function asPlace({ user }: Place, cwd: string) {
  return { cwd, env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }, ...user };
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + startMsMax;
  for (;;) {
    const failure = await makeDatabase(url).then(() => undefined, (error: unknown) => error);
    if (failure === undefined) return;
    if (Date.now() >= deadline) {
      throw new EmbeddedPostgresError('start_failed', `Postgres did not answer within ${startMsMax / 1000} s.`, { cause: failure });
    }
    await delay(pollMs);
  }
}

async function makeDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // the query that was running rejects as well
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${database}`);
  } finally {
    await client.end();
  }
}

async function startError(place: Place, logFile: string, logStart: number): Promise<EmbeddedPostgresError> {
  const written = await logSince(logFile, logStart);
  const reason = lastLine(written.split('\n').filter((line) => /\b(FATAL|PANIC): (?! the database system is starting up)/.test(line)).join('\n') || written);
  if (reason.includes('lock file "postmaster.pid"') || reason.includes('shared memory block')) {
    return new EmbeddedPostgresError('already_running', `Another Postgres is running on ${place.pgdata}: ${reason}`);
  }
  const corrupt = /checkpoint|control file|pg_control|PANIC|not a valid data|invalid|could not (open|read) (file|directory)/.test(reason);
  const code = corrupt ? 'data_dir_corrupt' : 'start_failed';
  return new EmbeddedPostgresError(code, `Postgres does not start on ${place.pgdata}: ${reason} (see ${logFile})`);
}

async function logSince(logFile: string, start: number): Promise<string> {
  return (await readFile(logFile)).subarray(start).toString();
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

function notWritable(dataDir: string, cause: unknown): EmbeddedPostgresError {
  const { code } = cause as NodeJS.ErrnoException;
  return new EmbeddedPostgresError('data_dir_not_writable', `The data folder ${dataDir} cannot be written (${code}).`, { cause });
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(() => true, () => false);
}

/** Resolves when the process has ended, or could not be started (code -1). */
function outcomeOf(child: ChildProcess): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => { output += chunk.toString(); });
    child.once('error', (error) => resolve({ code: -1, output: error.message }));
    child.once('close', (code) => resolve({ code: code ?? -1, output }));
  });
}
