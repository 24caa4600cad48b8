import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Kubectl {
  path: string;
  /** 37 of v1.37.2. */
  minor: number;
}

/** Where `node test/clients/build.mjs` puts what it gets. */
export const built = (name: string): string => join(import.meta.dirname, '../../node_modules/.cache/clients', name);

/**
 * Every kubectl at hand, one of each minor version, oldest first: those that were built, those that IPLEDGER_KUBECTL names
 * (`/opt/a:/opt/b`), and the one on PATH.
 */
export const kubectls = (): Kubectl[] => {
  const named = (process.env['IPLEDGER_KUBECTL'] ?? '').split(delimiter).filter((path) => path !== '');
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'kubectl'));
  const found = new Map<number, Kubectl>();
  for (const path of [built('kubectl-debian'), built('kubectl-newest'), ...named, ...onPath]) {
    if (!existsSync(path)) continue;
    const minor = minorOf(path);
    if (minor !== undefined && !found.has(minor)) found.set(minor, { path, minor });
  }
  return [...found.values()].sort((a, b) => a.minor - b.minor);
};

const minorOf = (path: string): number | undefined => {
  try {
    const text = execFileSync(path, ['version', '--client', '-o', 'json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const { gitVersion } = (JSON.parse(text) as { clientVersion: { gitVersion: string } }).clientVersion;
    const minor = Number(/^v1\.(\d+)\./.exec(gitVersion)?.[1]);
    return Number.isInteger(minor) ? minor : undefined;
  } catch {
    return undefined; // Not to be run here, or no kubectl at all.
  }
};
