import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name: string) => path.join(root, 'node_modules', '.bin', name);

/** A repository of these files, linted as ours is; what oxlint says, as `path rule`. */
const complaintsOf = async (files: Record<string, string>): Promise<string[]> => {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'ipledger-lint-')));
  try {
    const tsconfig = JSON.stringify({ compilerOptions: { strict: true, target: 'ES2023', module: 'nodenext', types: ['node'] }, include: ['apps', 'libs'] });
    for (const [name, text] of Object.entries({ ...files, 'tsconfig.json': tsconfig, 'package.json': '{"type":"module"}' })) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), text);
    }
    await mkdir(path.join(folder, 'node_modules'));
    await symlink(path.join(root, 'node_modules', '@types'), path.join(folder, 'node_modules', '@types'));
    const { stdout, stderr, status } = spawnSync(bin('oxlint'), ['--config', path.join(root, '.ci/oxlintrc.json'), '--type-aware', '--format', 'unix', 'apps', 'libs'],
      { cwd: folder, encoding: 'utf8', env: { ...process.env, OXLINT_TSGOLINT_PATH: bin('tsgolint') } });
    const complaints = [...stdout.matchAll(/^(\S+?):\d+:\d+: .*\[Error\/(.*)\]$/gm)].map(([, name, rule]) => `${name} ${rule}`);
    // An exit code that does not fit means that the linter itself failed, which must not pass as "no complaints".
    if ((status !== 0) !== complaints.length > 0) throw new Error(stdout + stderr);
    return complaints.sort();
  } finally {
    await rm(folder, { recursive: true });
  }
};

it('knows types: promises are awaited, any is not written', async () => expect(await complaintsOf({
  'apps/a/src/floating.ts': 'const later = async () => 1;\nlater();\n',
  'apps/a/src/misused.ts': "const later = async () => true;\nexport const a = later() ? 'x' : 'y';\n",
  'apps/a/src/any.ts': 'export const a: any = 1;\n',
  'libs/a/src/unused.ts': 'const a = 1;\nexport {};\n',
})).toEqual([
  'apps/a/src/any.ts typescript(no-explicit-any)', 'apps/a/src/floating.ts typescript(no-floating-promises)',
  'apps/a/src/misused.ts typescript(no-misused-promises)', 'libs/a/src/unused.ts eslint(no-unused-vars)',
]));

it('lets no test be switched off or run alone', async () => expect(await complaintsOf({
  'libs/a/src/off.spec.ts': "import { it } from 'vitest';\nit.skip('a', () => {});\n",
  'libs/a/src/alone.spec.ts': "import { it } from 'vitest';\nit.only('a', () => {});\n",
})).toEqual(['libs/a/src/alone.spec.ts vitest(no-focused-tests)', 'libs/a/src/off.spec.ts vitest(no-disabled-tests)']));

it('keeps libs/ip and libs/services pure; their specs, and apps, may do as they like', async () => {
  const impure: readonly (readonly [rule: string, text: string])[] = [
    ['no-restricted-imports', "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;"],
    ['no-restricted-imports', "import pg from 'pg';\nexport const a = pg;"],
    ['no-restricted-imports', "import { Injectable } from '@nestjs/common';\nexport const a = Injectable;"],
    ['no-restricted-imports', "import type { Kafka } from 'kafkajs';\nexport type A = Kafka;"],
    ['no-restricted-imports', "import { createLogger } from '@ipledger/runtime';\nexport const a = createLogger;"],
    ['no-restricted-imports', "import type { LogRow } from '@ipledger/event-store';\nexport type A = LogRow;"],
    ['no-restricted-globals', 'export const a = process.env;'],
    ['no-restricted-globals', "console.log('a');"],
    ['no-restricted-globals', 'setTimeout(() => {}, 1);'],
    ['no-restricted-globals', 'export const a = crypto.randomUUID();'],
    ['no-restricted-properties', 'export const a = Date.now();'],
    ['no-restricted-properties', 'export const a = Math.random();'],
  ];
  const places = ['libs/ip/src/a?.ts', 'libs/services/src/a?.ts', 'libs/ip/src/a?.spec.ts', 'libs/services/src/a?.spec.ts', 'apps/a/src/a?.ts'];
  // Two digits, so that the order of names is the order of rows.
  const fileOf = (place: string, row: number) => place.replace('?', String(row + 10));
  const files = places.flatMap((place) => impure.map(([, text], row) => [fileOf(place, row), text] as const));
  expect(await complaintsOf(Object.fromEntries(files)))
    .toEqual(places.slice(0, 2).flatMap((place) => impure.map(([rule], row) => `${fileOf(place, row)} eslint(${rule})`)));
});
