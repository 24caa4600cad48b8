import { spawnSync } from 'node:child_process';

/** Debian's packages: `apt-get install prometheus prometheus-alertmanager`. */
export type Binary = 'promtool' | 'prometheus' | 'prometheus-alertmanager' | 'amtool';

const has = (name: Binary): boolean => spawnSync(name, ['--version']).error === undefined;

/** `describe`, or the same skipped with the reason in its name where a program is missing: never silently. */
export const describeWith = (binaries: readonly Binary[], name: string, suite: () => void): void => {
  const missing = binaries.filter((binary) => !has(binary));
  describe.skipIf(missing.length > 0)(missing.length === 0 ? name : `${name} (skipped: not on PATH: ${missing.join(', ')})`, suite);
};

/** Runs a checker to its end. */
export const run = (binary: Binary, args: readonly string[], input = ''): { status: number | null; output: string } => {
  const { status, stdout, stderr } = spawnSync(binary, args, { input, encoding: 'utf8', timeout: 60_000 });
  return { status, output: stdout + stderr };
};
