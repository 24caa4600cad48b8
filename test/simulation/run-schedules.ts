import { parseArgs } from 'node:util';

interface Verdict {
  violations: readonly string[];
  happened: Readonly<Record<string, number>>;
}
export interface Found {
  /** Schedules that broke something, and what happened in all of them: how often. */
  found: number;
  happened: string;
  seconds: string;
}
export interface ScheduleArgs<Bug extends string> {
  schedules: number;
  first: number;
  bug: Bug | undefined;
  /** Flags of the script itself that were given. */
  flags: ReadonlySet<string>;
}

/** The lines of a help that name the bugs. */
export const bugLines = (bugs: Readonly<Record<string, string>>, width: number): string =>
  Object.entries(bugs).map(([name, what]) => `                     ${name.padEnd(width)} ${what}`).join('\n');

/** What a script of schedules was told. Prints the help and exits where that is the answer. */
export const readArgs = <Bug extends string>(help: string, schedulesDefault: string, bugs: Readonly<Record<Bug, string>>, flags: readonly string[] = []): ScheduleArgs<Bug> => {
  const own = Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean' as const, default: false }]));
  const { values } = parseArgs({ options: { ...own, schedules: { type: 'string', default: schedulesDefault }, first: { type: 'string', default: '1' }, bug: { type: 'string' }, help: { type: 'boolean', default: false } } });
  const given = values as Record<string, string | boolean | undefined>;
  const [schedules, first, bug] = [Number(given['schedules']), Number(given['first']), given['bug']];
  const isBug = (name: string | boolean | undefined): name is Bug | undefined => name === undefined || (typeof name === 'string' && name in bugs);
  if (given['help'] === true || !isBug(bug) || !Number.isSafeInteger(schedules) || !Number.isSafeInteger(first)) {
    process.stdout.write(help);
    process.exit(given['help'] === true ? 0 : 2);
  }
  return { schedules, first, bug, flags: new Set(flags.filter((flag) => given[flag] === true)) };
};

/** Runs one schedule for each seed. A schedule that fails to run counts as one that broke something. @param show called for the first ones */
export const runSchedules = async ({ schedules, first }: ScheduleArgs<string>, run: (seed: number) => Promise<Verdict>, shownMax: number, show: (seed: number, violations: readonly string[]) => void): Promise<Found> => {
  const startedMs = performance.now();
  const happened = new Map<string, number>();
  let found = 0;
  for (let seed = first; seed < first + schedules; seed++) {
    const verdict = await run(seed).catch((error: unknown): Verdict => ({ violations: [String(error)], happened: {} }));
    for (const [what, times] of Object.entries(verdict.happened)) happened.set(what, (happened.get(what) ?? 0) + times);
    if (verdict.violations.length > 0 && ++found <= shownMax) show(seed, verdict.violations);
  }
  return { found, happened: [...happened].map(([what, times]) => `${times} ${what}`).join(', '), seconds: ((performance.now() - startedMs) / 1000).toFixed(1) };
};
