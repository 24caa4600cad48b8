import { execFileSync } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import os from 'node:os';

/** The kernel counts CPU time for user space in hundredths of a second, whatever its own clock. */
const ticksPerSecond = 100;

/** One line about where the figures come from. */
export const machineLine = (): string => {
  const cpus = os.cpus();
  return `${cpus.length} cores (${cpus[0]?.model.trim() ?? 'unknown'}), ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB, ${os.type()} ${os.release()}, Node ${process.version}`;
};

export const commitLine = (folder: string): string => {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'apps', 'libs', 'migrations') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`;
  } catch {
    return 'unknown (no git)';
  }
};

/** CPU seconds of one process, without its children; NaN where there is no /proc. */
export const cpuSecondsOf = async (pid: number): Promise<number> => {
  const stat = await statOf(pid);
  return stat === undefined ? NaN : (field(stat, 14) + field(stat, 15)) / ticksPerSecond;
};

/** CPU seconds of a process, its living children, and those of its children that have ended. */
export const cpuSecondsOfTree = async (pid: number): Promise<number> => {
  const own = await statOf(pid);
  if (own === undefined) return NaN;
  let ticks = [14, 15, 16, 17].reduce((sum, at) => sum + field(own, at), 0);
  for (const entry of await readdir('/proc')) {
    const stat = /^\d+$/.test(entry) ? await statOf(Number(entry)) : undefined;
    if (stat !== undefined && field(stat, 4) === pid) ticks += field(stat, 14) + field(stat, 15);
  }
  return ticks / ticksPerSecond;
};

/** Busy and stolen CPU seconds of the whole machine since it started. */
export const machineCpuSeconds = async (): Promise<{ busy: number; stolen: number }> => {
  const line = (await readFile('/proc/stat', 'utf8').catch(() => '')).split('\n', 1)[0] ?? '';
  const [user = NaN, nice = NaN, system = NaN, , , irq = NaN, softIrq = NaN, steal = NaN] = line.trim().split(/\s+/).slice(1).map(Number);
  return { busy: (user + nice + system + irq + softIrq) / ticksPerSecond, stolen: steal / ticksPerSecond };
};

export const rssBytesOf = async (pid: number): Promise<{ now: number; peak: number }> => {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? NaN) * 1024;
  return { now: of('VmRSS'), peak: of('VmHWM') };
};

/** The fields of /proc/PID/stat from the third on: the second, the name, may hold anything. */
const statOf = async (pid: number): Promise<string[] | undefined> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
};

/** @param at as numbered in proc(5), from 3 on */
const field = (stat: readonly string[], at: number): number => Number(stat[at - 3]);
