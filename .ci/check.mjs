// `npm run check`: types, lint (with the rules that keep the pure libs pure), layout (who may import whom, sizes, dead
// exports). Runs all, then exits 1 if one complained. test/lint.spec.ts and test/tidy.spec.ts trip each guard.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './build.mjs';

const tool = (name) => join(root, 'node_modules', '.bin', name);
/** @type {[name: string, command: string, args: string[]][]} */
const checks = [
  ['types', tool('tsc'), ['--noEmit', '-p', 'tsconfig.json']],
  ['types of the page', tool('tsc'), ['-p', '.ci/tsconfig.page.json']],
  ['lint', tool('oxlint'), ['--config', '.ci/oxlintrc.json', '--type-aware', 'apps', 'libs', 'test', 'deploy', '.ci']],
  ['layout', process.execPath, ['--import', './libs/testing/src/ts-loader.mjs', '.ci/tidy.ts']],
];

let failed = 0;
for (const [name, command, args] of checks) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed++;
  console.log(`${name}: ${status === 0 ? 'ok' : 'failed'}`);
}
process.exit(failed === 0 ? 0 : 1);
