import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually, freePort } from '@ipledger/testing';
import { stringify } from 'yaml';
import type { Binary } from './binaries.js';

export interface Sample {
  metric: Record<string, string>;
  /** Time in seconds, value as text. */
  value: [number, string];
}

export interface Prometheus {
  url: string;
  /** What is under `data` of an answer of its API. */
  api<T>(path: string, query?: Record<string, string>): Promise<T>;
  query(expr: string): Promise<Sample[]>;
  stop(): Promise<void>;
}

/** A server of the Debian package on a free port of this machine, its data in a temporary folder unless told otherwise. */
export const startPrometheus = async (config: object, { files = {}, flags = [], dataDir }: { files?: Record<string, string>; flags?: string[]; dataDir?: string } = {}): Promise<Prometheus> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ipledger-prometheus-'));
  for (const [name, text] of Object.entries({ ...files, 'prometheus.yml': stringify(config) })) writeFileSync(path.join(folder, name), text);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = launch('prometheus', [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${dataDir ?? `${folder}/data`}`, `--web.listen-address=127.0.0.1:${port}`, ...flags]);
  await isReady(`${url}/-/ready`, child);
  const api = async <T>(name: string, query: Record<string, string> = {}): Promise<T> => {
    const answer = await (await fetch(`${url}/api/v1/${name}?${new URLSearchParams(query).toString()}`)).json() as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`${name} ${JSON.stringify(query)}: ${answer.error}`);
    return answer.data;
  };
  return {
    url, api,
    query: async (expr) => (await api<{ result: Sample[] }>('query', { query: expr })).result,
    stop: async () => {
      await end(child);
      rmSync(folder, { recursive: true });
    },
  };
};

/** @returns its URL and how to stop it */
export const startAlertmanager = async (config: object): Promise<{ address: string; stop(): Promise<void> }> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ipledger-alertmanager-'));
  writeFileSync(path.join(folder, 'alertmanager.yml'), stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const child = launch('prometheus-alertmanager', [`--config.file=${folder}/alertmanager.yml`, `--storage.path=${folder}/data`, `--web.listen-address=${address}`, '--cluster.listen-address=']);
  await isReady(`http://${address}/-/ready`, child);
  return {
    address,
    stop: async () => {
      await end(child);
      rmSync(folder, { recursive: true });
    },
  };
};

interface Launched {
  process: ChildProcess;
  output(): string;
}

const launch = (binary: Binary, args: string[]): Launched => {
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
  return { process: child, output: () => output };
};

const isReady = (url: string, { process: child, output }: Launched): Promise<void> => eventually(async () => {
  if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended: ${output()}`);
  const { status } = await fetch(url);
  if (status !== 200) throw new Error(`${url} answers ${status}: ${output()}`);
}, { everyMs: 50 });

const end = ({ process: child }: Launched): Promise<void> => new Promise((resolve) => {
  if (child.exitCode !== null) return resolve();
  child.on('exit', () => resolve());
  child.kill();
});
