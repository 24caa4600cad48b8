// npm run bench [-- --only creates,churn --rounds 5 --seconds 1.5]: starts the real service and measures it.
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { Bench } from './bench.js';
import { batch } from './batch.js';
import { lb } from './lb.js';
import { churn } from './churn.js';
import { cold, history } from './cold.js';
import { creates } from './creates.js';
import { commitLine, machineCpuSeconds, machineLine } from './machine.js';
import { overload } from './overload.js';
import { memory } from './memory.js';
import { profile } from './profile.js';
import { figure } from './figures.js';
import { peers } from './peers.js';
import { raw } from './raw.js';
import { reads } from './reads.js';
import { clusters, processes } from './scale.js';
import { verify, verifying } from './verifying.js';
import type { Layout } from './service.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sections = { creates, batch, raw, reads, clusters, processes, peers, memory, churn, cold, history, profile, overload, verify, verifying, lb };
type Section = keyof typeof sections;
/** These write gigabytes or take minutes; `profile` is for who changes the code. */
const onlyByName: readonly Section[] = ['history', 'profile', 'verify', 'verifying', 'lb'];
const byDefault = (Object.keys(sections) as Section[]).filter((name) => !onlyByName.includes(name));

const help = `npm run bench [-- options]

Starts the service on an embedded Postgres in a temporary folder and prints tables (docs/benchmarks.md says what they mean).

  --only A,B     of these parts only: ${Object.keys(sections).join(', ')} (${byDefault.join(',')})
  --rounds N     times that each variant runs, in turn; figures are medians (5)
  --seconds S    length of one run (1.5)
  --charts DIR   write charts as SVG into this folder
  --layout L     standalone (the default: projects the views on the same thread) or allocator (the command side alone)
`;

const fail = (why: string): never => {
  process.stderr.write(`${why}\n\n${help}`);
  process.exit(1);
};

const positive = (name: string, text: string, max: number): number => {
  const value = Number(text);
  return value > 0 && value <= max ? value : fail(`--${name} must be a number from above 0 to ${max}, not ${JSON.stringify(text)}`);
};

const options = (): { only: Section[]; rounds: number; seconds: number; chartsFolder: string | undefined; layout: Layout } => {
  const { values } = parseArgs({ options: {
    only: { type: 'string', default: byDefault.join(',') }, rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '1.5' }, charts: { type: 'string' }, layout: { type: 'string', default: 'standalone' }, help: { type: 'boolean', default: false },
  } });
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const layout = values.layout === 'standalone' || values.layout === 'allocator' ? values.layout : fail(`--layout must be standalone or allocator, not ${JSON.stringify(values.layout)}`);
  const only = values.only.split(',').map((name) => (name in sections ? (name as Section) : fail(`there is no part ${JSON.stringify(name)}`)));
  return { only, rounds: Math.ceil(positive('rounds', values.rounds, 100)), seconds: positive('seconds', values.seconds, 600), chartsFolder: values.charts, layout };
};

const buildIfNeeded = async (): Promise<void> => {
  const { build, reasonToBuild } = (await import(new URL('../../.ci/build.mjs', import.meta.url).href)) as { build(): Promise<number>; reasonToBuild(): string | null };
  const reason = reasonToBuild();
  if (reason === null) return;
  process.stderr.write(`Building first, since ${reason}…\n`);
  const code = await build();
  if (code !== 0) process.exit(code);
};

/** Says how alone the bench was: figures of a machine that others use as well are worth less. */
const report = async (bench: Bench, only: readonly Section[]): Promise<void> => {
  const [started, startedMs] = [await machineCpuSeconds(), performance.now()];
  for (const name of only) await sections[name](bench);
  const ended = await machineCpuSeconds();
  const seconds = (performance.now() - startedMs) / 1000;
  bench.print(null, `Took ${figure(seconds)} s. Whole machine meanwhile: ${figure((ended.busy - started.busy) / seconds, 2)} cores busy, ${figure((ended.stolen - started.stolen) / seconds, 2)} cores taken by the hypervisor.`);
};

const { only, rounds, seconds, chartsFolder, layout } = options();
await buildIfNeeded();
const bench = new Bench({ rounds, seconds, chartsFolder, layout });
let interrupted = false;
const interrupt = (): void => {
  if (interrupted) return;
  interrupted = true;
  process.stderr.write('stopping what was started…\n');
  void bench.close().finally(() => process.exit(130));
};
process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
try {
  bench.print(null, [
    `ipledger bench, ${new Date().toISOString()}, commit ${commitLine(root)}`,
    machineLine(),
    `${rounds} rounds of ${seconds} s per variant, variants in turn; medians (least-greatest). Process layout: apps/${layout} with an embedded`,
    'Postgres, all defaults (fsync and synchronous_commit on), load generator on the same machine over loopback.',
  ].join('\n'));
  await report(bench, only);
} catch (error) {
  if (!interrupted) {
    process.stderr.write(`the bench failed: ${(error as Error).stack}\n`);
    process.exitCode = 1;
  }
} finally {
  if (!interrupted) await bench.close();
}
