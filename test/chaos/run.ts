// npm run chaos -- --seed S --minutes M: real processes, concurrent clients, faults at random; then the history is judged.
import { parseArgs } from 'node:util';
import { checkHistory } from './check.js';
import { contended, crowdOf, sharedPool, sharedPoolLog } from './clusters.js';
import { faultKinds, Faults } from './faults.js';
import type { LogEvent, Violation } from './history.js';
import { checkLbHeldOnce, checkMembers } from './lb-history.js';
import { Random } from './random.js';
import { System } from './system.js';
import { foldLog } from './timeline.js';
import { Workload, type Crew } from './workload.js';
import { ServiceProcess } from '../crash/service-process.js';
import { settle, settleSharedPool, verify } from './settle.js';
import { countShared } from './shared-statements.js';

const help = `npm run chaos -- [options]

Starts Postgres, Kafka, allocators and a projector, lets clients work on few names and small pools while processes are
killed and frozen, connections cut, databases and brokers restarted and clocks set; then checks what the clients saw
against the log, and the log against claims, documents and views (test/chaos/README.md).

  --seed S         draws the plan (a random one, printed)
  --minutes M      length of the faults (1)
  --allocators N   replicas (3)
  --clients N      concurrent clients of two clusters that are full now and then (12)
  --crowd N        further clusters, several of them written at once at one replica, so that their appends share statements (24)
  --faults LIST    only these, such as disk,kill
  --no-kafka       the projector reads the log instead
  --keep           keep the folder with data and logs
`;

const { values } = parseArgs({ options: {
  seed: { type: 'string' }, minutes: { type: 'string', default: '1' }, allocators: { type: 'string', default: '3' }, clients: { type: 'string', default: '12' }, crowd: { type: 'string', default: '24' },
  faults: { type: 'string', default: faultKinds.join() }, 'no-kafka': { type: 'boolean', default: false }, keep: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
} });
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const kinds = faultKinds.filter((kind) => values.faults.split(',').includes(kind));
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const minutes = Number(values.minutes);
const crowd = crowdOf(Number(values.crowd));
const clusters = [...contended, ...crowd];
const startedMs = performance.now();
const say = (line: string): void => console.log(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(7)} s  ${line}`);

/** @param of such as clusters/blue */
const readLog = async (url: string, of: string): Promise<LogEvent[]> => {
  const events: LogEvent[] = [];
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const answer = await fetch(`${url}/v1/${of}/events?limit=1000&after=${after}`);
    const page = (await answer.json()) as { items: LogEvent[]; continue?: string };
    events.push(...page.items);
    after = page.continue;
  }
  return events;
};

const judge = async (system: System, workload: Workload): Promise<Violation[]> => {
  const url = system.allocators[0]!.url;
  const violations: Violation[] = [];
  for (const { name, capacity } of clusters) {
    const { log, violations: malformed } = foldLog(name, await readLog(url, `clusters/${name}`));
    violations.push(...malformed, ...checkHistory(workload.operations.filter(({ cluster }) => cluster === name), log, capacity));
    if (!crowd.some((one) => one.name === name)) say(`${name}: ${log.head} revisions, ${log.commands.size} commands`);
  }
  const events = await readLog(url, `lb-pools/${sharedPool.name}`);
  violations.push(...foldLog(sharedPoolLog, events).violations, ...checkMembers(sharedPoolLog, events), ...checkLbHeldOnce(workload.operations));
  say(`${sharedPoolLog}: ${events.length} revisions, ${events.filter(({ type }) => type === 'lb-member.joined').length} times an address was given`);
  const shared = await countShared(system);
  say(`${crowd.length} clusters of the crowd: ${shared.appends} of ${shared.allAppends} appends shared ${shared.statements} statements, up to ${shared.clustersMost} clusters in one`);
  if (crowd.length > 1 && shared.statements === 0) violations.push('no appends of several clusters shared a statement: this run says nothing about those that do');
  return [...violations, ...workload.badAnswers, ...(await verify(system, say))];
};

const post = async (path: string, body: object): Promise<void> => {
  const answer = await fetch(`${system.allocators[0]!.url}/v1/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
};

const report = (workload: Workload, faults: Faults): void => {
  const count = new Map<string, number>();
  for (const { kind, outcome } of workload.operations) count.set(`${kind} ${outcome.kind}`, (count.get(`${kind} ${outcome.kind}`) ?? 0) + 1);
  say(`${workload.operations.length} operations: ${[...count].sort().map(([what, n]) => `${n} ${what}`).join(', ')}`);
  say(`attempts without an answer: ${workload.operations.reduce((sum, { unknownAttempts }) => sum + unknownAttempts, 0)}`);
  for (const [message, times] of workload.unavailable) say(`503, ${times} times: ${message}`);
  say(`faults: ${Object.entries(faults.counts).map(([kind, n]) => `${n} ${kind}`).join(', ')}`);
};

// What was started ends with us, and what was mounted.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await ServiceProcess.build();
say(`seed ${seed}, ${minutes} minutes`);
const random = new Random(seed);
const system = await System.start({ allocators: Number(values.allocators), kafka: !values['no-kafka'] }, say);
let violations: Violation[] = ['the run did not end'];
try {
  for (const { name, serviceCIDRs } of clusters) await post('clusters', { name, serviceCIDRs });
  await post('lb-pools', sharedPool);
  const crews: Crew[] = [
    { clusters: contended, clients: Number(values.clients), atOnce: 1, homeShare: 0, namespaces: ['red', 'blue'], names: ['web', 'api', 'db', 'cache', 'queue', 'auth'], createTurns: 0, onceShare: 0, lbShare: 0.1 },
    { clusters: crowd, clients: Math.ceil(crowd.length / 8), atOnce: 8, homeShare: 0.95, namespaces: ['red'], names: Array.from({ length: 16 }, (_, i) => `web-${i}`), createTurns: 0.5, onceShare: 0.9, lbShare: 0.15 },
  ];
  const workload = new Workload({ crews, urls: system.allocators.map(({ url }) => url) }, random.fork());
  const faults = new Faults(system, random.fork(), say, kinds);
  const working = workload.run();
  const hurting = faults.run();
  await new Promise((resolve) => { setTimeout(resolve, minutes * 60_000); });
  await faults.stop();
  await hurting;
  workload.stop();
  await working;
  const behind = await settle(system, clusters.map(({ name }) => name), say);
  report(workload, faults);
  violations = [...behind, ...(await settleSharedPool(system)), ...(await judge(system, workload))];
} finally {
  for (const violation of violations.slice(0, 50)) say(`VIOLATION ${violation}`);
  say(violations.length === 0 ? `clean, seed ${seed}` : `${violations.length} violations, seed ${seed}`);
  await system.stop(values.keep || violations.length > 0);
  if (violations.length > 0) say(`kept: ${system.folder}`);
}
process.exit(violations.length === 0 ? 0 : 1);
