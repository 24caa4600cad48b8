// `npm run build`: one `nest build` over all apps and libs, and a stamp by which `npm start` knows that dist is whole.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const inputs = ['apps', 'libs', 'migrations', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];
/** What programs read beside their code and the compiler does not take along. */
const copied = ['libs/messaging/src/asyncapi.yaml', 'apps/allocator/src/page/assets'];
const stampOf = (folder) => join(folder, 'dist', '.built');

/** Why a build is needed, as half a sentence, or null. A folder counts with its own time: a deleted file changes that. */
export const reasonToBuild = (folder = root) => {
  if (!existsSync(stampOf(folder))) return existsSync(join(folder, 'dist')) ? 'the last build did not finish' : 'nothing is built yet';
  const builtMs = Number(readFileSync(stampOf(folder), 'utf8'));
  const changed = inputs.map((input) => newerThan(builtMs, folder, input)).find((path) => path !== null);
  return changed === undefined ? null : `${changed} is newer than the last build`;
};

/** The first path at or below `path` that changed after `timeMs`, or null. Specs are not built, so they do not count. */
const newerThan = (timeMs, folder, path) => {
  const stats = statSync(join(folder, path), { throwIfNoEntry: false });
  if (stats === undefined || path.endsWith('.spec.ts')) return null;
  if (!stats.isDirectory()) return stats.mtimeMs > timeMs ? path : null;
  for (const name of readdirSync(join(folder, path)).sort()) {
    const found = newerThan(timeMs, folder, join(path, name));
    if (found !== null) return found;
  }
  return stats.mtimeMs > timeMs ? path : null;
};

/** What the metric `ipledger_build_info` says; nothing outside a repository. */
const commit = () => {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
};

/** Builds; resolves to the exit code. The compiler prints its own errors. SIGTERM and SIGINT end the compiler too. */
export const build = async () => {
  const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
  if (!existsSync(nest)) {
    console.error('The compiler is not installed. Run `npm ci` first (without --omit=dev).');
    return 1;
  }
  // The time before the build: what is edited while it runs counts as newer.
  const startedMs = Date.now();
  const compiler = spawn(process.execPath, [nest, 'build', '--path', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  const stop = (signal) => compiler.kill(signal);
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const code = await new Promise((resolve) => compiler.on('close', (exitCode, signal) => resolve(exitCode ?? (signal === 'SIGINT' ? 130 : 143))));
  process.off('SIGTERM', stop).off('SIGINT', stop);
  if (code !== 0) return code;
  for (const path of copied) cpSync(join(root, path), join(root, 'dist', path), { recursive: true });
  writeFileSync(join(root, 'dist', '.commit'), commit());
  // Written last: a build that failed or was killed leaves no stamp, since nest empties dist first.
  writeFileSync(stampOf(root), `${startedMs}\n`);
  return code;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await build());
