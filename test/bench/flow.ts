// npm run bench:flow [-- --only relay --rounds 3]: what becomes of an event after its commit, with a real broker.
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { Bench } from './bench.js';
import { everything } from './everything.js';
import { FlowBroker } from './flow-broker.js';
import { figure } from './figures.js';
import { commitLine, machineCpuSeconds, machineLine } from './machine.js';
import { projection } from './projection.js';
import { relayAlone } from './relay-alone.js';
import { transactions } from './transactions.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sections = { relay: relayAlone, transactions, projection, everything } satisfies Record<string, (bench: Bench, broker: FlowBroker) => Promise<void>>;
type Section = keyof typeof sections;

const help = `npm run bench:flow [-- options]

Uses the Kafka of KAFKA_BROKERS, or starts one from the jars by Java and Maven, and prints tables (docs/benchmarks.md).

  --only A,B     of these parts only: ${Object.keys(sections).join(', ')}
  --rounds N     times that each variant runs, in turn; figures are medians (3)
`;

const { values } = parseArgs({ options: { only: { type: 'string', default: Object.keys(sections).join(',') }, rounds: { type: 'string', default: '3' }, help: { type: 'boolean', default: false } } });
const only = values.only.split(',');
const rounds = Number(values.rounds);
if (values.help || only.some((name) => !(name in sections)) || !(Number.isInteger(rounds) && rounds >= 1 && rounds <= 100)) {
  process.stdout.write(help);
  process.exit(values.help ? 0 : 1);
}
const { build, reasonToBuild } = (await import(new URL('../../.ci/build.mjs', import.meta.url).href)) as { build(): Promise<number>; reasonToBuild(): string | null };
if (reasonToBuild() !== null && (await build()) !== 0) process.exit(1);

const bench = new Bench({ rounds, seconds: 1.5 });
const broker = new FlowBroker();
const close = async (): Promise<void> => {
  await bench.close();
  await broker.stop();
};
process.on('SIGINT', () => void close().finally(() => process.exit(130))).on('SIGTERM', () => void close().finally(() => process.exit(143)));
try {
  const needsBroker = only.some((name) => name !== 'projection');
  if (needsBroker) await broker.start();
  bench.print(null, [`ipledger bench:flow, ${new Date().toISOString()}, commit ${commitLine(root)}`, machineLine(), `${rounds} rounds; medians (least-greatest).${needsBroker ? ` Broker: ${broker.name}, on the same machine, acks of all replicas (one).` : ''}`].join('\n'));
  const [started, startedMs] = [await machineCpuSeconds(), performance.now()];
  for (const name of only) await sections[name as Section](bench, broker);
  const [ended, seconds] = [await machineCpuSeconds(), (performance.now() - startedMs) / 1000];
  bench.print(null, `Took ${figure(seconds)} s. Whole machine meanwhile: ${figure((ended.busy - started.busy) / seconds, 2)} cores busy, ${figure((ended.stolen - started.stolen) / seconds, 2)} cores taken by the hypervisor.`);
} catch (error) {
  process.stderr.write(`the bench failed: ${(error as Error).stack}\n`);
  process.exitCode = 1;
} finally {
  await close();
}
