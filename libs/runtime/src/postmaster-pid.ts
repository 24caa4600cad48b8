import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';

/**
 * What `postmaster.pid` says, which every Postgres writes into its data folder and removes when it ends in order.
 * A file whose process is dead is left to Postgres: it then looks at the shared memory named in the file for orphaned
 * backends, and deleting the file would take that protection away.
 */
interface PidFile {
  readonly pid: number;
  /** System V id of the segment whose attached processes tell that backends are alive. */
  readonly sharedMemoryId: string | undefined;
}

/** @returns the pid of the Postgres that runs on the folder, if there is one */
export async function runningPostmaster(pgdata: string): Promise<number | undefined> {
  const file = await readPidFile(pgdata);
  return file !== undefined && isAlive(file.pid) && (await isPostgres(file.pid)) ? file.pid : undefined;
}

/**
 * Removes a `postmaster.pid` whose pid now belongs to some other program. Postgres would refuse to start on it, and in
 * containers, where pids start from 1 each time, that is the common way to come back from a crash.
 * Only when nothing is attached to its shared memory either.
 */
export async function removeReusedPidFile(pgdata: string): Promise<void> {
  const file = await readPidFile(pgdata);
  if (file === undefined || !isAlive(file.pid) || (await isPostgres(file.pid))) return;
  if (await isAttached(file.sharedMemoryId)) return;
  await rm(path.join(pgdata, 'postmaster.pid'), { force: true });
}

async function readPidFile(pgdata: string): Promise<PidFile | undefined> {
  const text = await readFile(path.join(pgdata, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!(pid > 0)) return undefined;
  return { pid, sharedMemoryId: lines[6]?.trim().split(/\s+/)[1] }; // "key id" on line 7
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Where there is no /proc, every living process is taken for one: better a refusal than two servers on one folder. */
async function isPostgres(pid: number): Promise<boolean> {
  const [name, state] = await Promise.all([
    readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined),
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
  ]);
  const isZombie = / Z /.test(state.slice(state.lastIndexOf(')') + 1, state.lastIndexOf(')') + 4));
  if (name === undefined) return process.platform !== 'linux';
  return name.trim() === 'postgres' && !isZombie;
}

async function isAttached(sharedMemoryId: string | undefined): Promise<boolean> {
  const table = await readFile('/proc/sysvipc/shm', 'utf8').catch(() => undefined);
  if (table === undefined || sharedMemoryId === undefined) return true;
  const [header, ...segments] = table.trim().split('\n').map((line) => line.trim().split(/\s+/));
  const column = (name: string): number => header?.indexOf(name) ?? -1;
  const segment = segments.find((fields) => fields[column('shmid')] === sharedMemoryId);
  return segment !== undefined && segment[column('nattch')] !== '0';
}
