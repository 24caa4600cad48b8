// Runs our TypeScript in a plain Node process: node --import ./libs/testing/src/ts-loader.mjs file.ts
// For benches, and for tests that need a process of their own to kill. Types are not checked here; `check` does that.
import { existsSync, readFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const root = new URL('../../../', import.meta.url);

if (isMainThread) register(import.meta.url); // the hooks below run in a thread of their own, which loads this file again

export async function resolve(specifier, context, next) {
  const lib = /^@ipledger\/(.+)$/.exec(specifier);
  if (lib !== null) return next(new URL(`libs/${lib[1]}/src/index.ts`, root).href, context);
  const source = specifier.startsWith('.') && specifier.endsWith('.js') ? new URL(`${specifier.slice(0, -3)}.ts`, context.parentURL) : undefined;
  if (source !== undefined && existsSync(source)) return next(source.href, context);
  return next(specifier, context);
}

let options;
let ts;

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  ts ??= (await import('typescript')).default;
  options ??= { ...ts.parseConfigFileTextToJson('tsconfig.json', readFileSync(new URL('tsconfig.json', root), 'utf8')).config.compilerOptions };
  const compilerOptions = { ...options, target: 'ES2022', module: 'ESNext', moduleResolution: undefined, sourceMap: false, inlineSourceMap: true, types: undefined, paths: undefined, lib: undefined };
  const { outputText } = ts.transpileModule(readFileSync(fileURLToPath(url), 'utf8'), { compilerOptions, fileName: pathToFileURL(fileURLToPath(url)).href });
  return { format: 'module', source: outputText, shortCircuit: true };
}
