import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { startAllocator } from '../conformance/allocator.js';
import { built } from './kubectls.js';

/** The program in go/client, with client-go's newest release and its defaults: typed (protobuf), dynamic, patches, apply, watch, informer. */
const program = built('client-go');
if (!existsSync(program)) console.log('the program with client-go is not here and not run: node test/clients/build.mjs builds it, which takes Go');

describe('a Go program', () => {
  it.skipIf(!existsSync(program))('works with the typed client, the dynamic client and an informer, all by their defaults', { timeout: 120_000 }, async () => {
    const allocator = await startAllocator();
    try {
      const cluster = JSON.stringify({ name: 'prod', serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'] });
      await fetch(`${allocator.url}/v1/clusters`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: cluster });
      const lines = (await outputOf(program, [`${allocator.url}/clusters/prod`])).trimEnd().split('\n');
      expect(lines.filter((line) => !line.startsWith('ok '))).toEqual([]);
      expect(lines.at(-1)).toBe('ok informer: delete informed');
    } finally {
      await allocator.close();
    }
  });
});

const outputOf = (command: string, args: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += String(data)));
    child.stderr.on('data', (data) => (output += String(data)));
    child.on('error', reject).on('close', () => resolve(output));
  });
