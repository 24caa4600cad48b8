import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder `deploy` of this version, found by going up from this file: it lies at another depth when built. */
const deployFolder = (): string | undefined => {
  for (let folder = new URL('.', import.meta.url); folder.pathname !== '/'; folder = new URL('..', folder)) {
    const found = fileURLToPath(new URL('deploy/prometheus/ipledger-rules.yaml', folder));
    if (existsSync(found)) return path.dirname(path.dirname(found));
  }
  return undefined;
};

/** Name to path under `deploy`. Only what is in here can be read. */
const files = (): ReadonlyMap<string, string> => {
  const folder = deployFolder();
  if (folder === undefined) return new Map();
  const under = (where: string, prefix: string): [string, string][] => readdirSync(path.join(folder, where), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ya?ml|json)$/.test(name)).map((name) => [`${prefix}${name.replaceAll(path.sep, '/')}`, path.join(folder, where, name)]);
  return new Map([
    ['prometheus-rules.yaml', path.join(folder, 'prometheus', 'ipledger-rules.yaml')],
    ['grafana/postgres.sql', path.join(folder, 'grafana', 'postgres.sql')],
    ...under('grafana/dashboards', 'dashboards/'), ...under('grafana/provisioning', 'grafana/'),
  ]);
};

let known: ReadonlyMap<string, string> | undefined;

export const artifactNames = (): string[] => [...(known ??= files()).keys()].sort();

/** @returns undefined when there is none of this name */
export const readArtifact = (name: string): string | undefined => {
  const file = (known ??= files()).get(name);
  return file === undefined ? undefined : readFileSync(file, 'utf8');
};
