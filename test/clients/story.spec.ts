import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAllocator } from '../conformance/allocator.js';
import { kubectls, type Kubectl } from './kubectls.js';

/**
 * The story of a day with every kubectl at hand. What it printed stands in golden/ for the oldest and the newest; of other
 * versions the commands and exit codes must be those of the newest. `UPDATE_GOLDEN=1` writes the files anew.
 */
const golden = (minor: number): string => join(import.meta.dirname, 'golden', `kubectl-1.${minor}.txt`);
const minors = readdirSync(join(import.meta.dirname, 'golden')).map((name) => Number(/1\.(\d+)/.exec(name)?.[1])).sort((a, b) => a - b);
const [oldest = 0, newest = 0] = [minors[0], minors.at(-1)];
const found = kubectls();
const versions = found.map(({ minor }) => `1.${minor}`).join(', ');
console.log(`kubectl at hand: ${versions || 'none'}`);
for (const minor of [oldest, newest]) if (!found.some((one) => one.minor === minor)) console.log(`kubectl 1.${minor} is not here, its story is not told: node test/clients/build.mjs gets it`);

describe('a day with kubectl', () => {
  it.skipIf(found.length === 0).each(found)('1.$minor', { timeout: 300_000 }, async (kubectl) => {
    const told = await tell(kubectl);
    if (process.env['UPDATE_GOLDEN'] && [oldest, newest].includes(kubectl.minor)) writeFileSync(golden(kubectl.minor), told);
    if (existsSync(golden(kubectl.minor))) expect(told).toBe(readFileSync(golden(kubectl.minor), 'utf8'));
    else expect(outline(told)).toEqual(outline(readFileSync(golden(newest), 'utf8')));
  });
});

const tell = async ({ path, minor }: Kubectl): Promise<string> => {
  const allocator = await startAllocator();
  const folder = mkdtempSync(join(tmpdir(), 'ipledger-story-'));
  try {
    const cluster = JSON.stringify({ name: 'prod', serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'] });
    await fetch(`${allocator.url}/v1/clusters`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: cluster });
    cpSync(join(import.meta.dirname, 'manifests'), folder, { recursive: true });
    writeFileSync(join(folder, 'config'), await (await fetch(`${allocator.url}/v1/clusters/prod/kubeconfig`)).text());
    return normal(await run(['sh', join(import.meta.dirname, 'story.sh'), path, String(minor)], folder), allocator.url);
  } finally {
    rmSync(folder, { recursive: true });
    await allocator.close();
  }
};

const run = ([command = '', ...args]: string[], cwd: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, HOME: cwd, KUBECONFIG: '' }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += String(data)));
    child.stderr.on('data', (data) => (output += String(data)));
    child.on('error', reject).on('close', () => resolve(output));
  });

/** Addresses that the story names, or that every cluster has. */
const asked = new Set(['story.sh', ...readdirSync(join(import.meta.dirname, 'manifests')).map((name) => `manifests/${name}`)]
  .flatMap((name) => readFileSync(join(import.meta.dirname, name), 'utf8').match(/\b10\.96\.\d+\.\d+\b/g) ?? []).concat('10.96.0.0', '10.96.0.1'));

/** Takes out what differs from run to run: identities, times, revisions, and addresses and ports chosen by chance. */
const normal = (output: string, url: string): string => {
  const chosen = new Map<string, string>();
  const nameOf = (kind: string) => (text: string): string => {
    if (!chosen.has(text)) chosen.set(text, `<${kind} ${[...chosen.values()].filter((name) => name.startsWith(`<${kind}`)).length + 1}>`);
    return chosen.get(text) ?? '';
  };
  return output
    .replaceAll(url, 'SERVER')
    .replace(/\x1b\[[\d;]*m/g, '')
    .replace(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g, '<uid>')
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)/g, '<time>')
    .replace(/(resourceVersion"?: )"\d+"/g, '$1"<revision>"')
    .replace(/\b10\.96\.\d+\.\d+\b/g, (address) => (asked.has(address) ? address : nameOf('IPv4')(address)))
    .replace(/fd00:10:96::(?!10\b|\/)[\da-f:]+/g, nameOf('IPv6'))
    .replace(/\b(\d+m)?\d+s\b/g, '<age>')
    .replace(/\b(?:LIVE|MERGED)-\d+/g, (text) => text.split('-', 1)[0] ?? '')
    .replace(/\/tmp\/(LIVE|MERGED)/g, '$1')
    .replace(/^(Client Version|Kustomize Version|.*GitCommit:).*$/gm, '$1')
    .replace(/(?<=\S)[ \t]{2,}/g, '  ')
    .replace(/[ \t]+$/gm, '');
};

const outline = (story: string): string[] => story.split('\n').filter((line) => /^(\$ |\(exit )/.test(line));
