import { parseArgs } from 'node:util';
import { judge } from './exceptions.js';
import { scenariosOf, topics } from './recordings.js';
import type { Scenario } from './recordings.js';
import { describeFailure, replayAll, Server } from './server.js';

const help = `node test/conformance/run.mjs [BASE_URL] [options]     from the root of the project

Replays the recordings against a running server or, without BASE_URL, against an allocator in this process.

  --only REGEXP        scenarios whose name matches
  --topic A,B          of these topics only (${topics.join(', ')})
  --concurrency N      scenarios at a time (16)
  --max-failures N     failures to print (20); all are counted
  --all-failures       print those that the list of exceptions excuses as well
`;

/** The command line; answers the exit code: 1 when a scenario failed that no exception excuses. */
export const run = async (args: string[]): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: 'string', default: '' },
      topic: { type: 'string', default: topics.join(',') },
      concurrency: { type: 'string', default: '16' },
      'max-failures': { type: 'string', default: '20' },
      'all-failures': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const chosen = values.topic.split(',');
  const only = new RegExp(values.only);
  const scenarios = topics
    .filter((topic) => chosen.includes(topic))
    .flatMap(scenariosOf)
    .filter(({ name }) => only.test(name));
  const own = positionals[0] ? undefined : await (await import('./allocator.js')).startAllocator();
  const server = new Server(positionals[0] ?? own?.url ?? '');
  const failures = await replayAll(server, scenarios, Number(values.concurrency));
  server.close();
  await own?.close();

  const { unexpected, excused } = judge(scenarios, failures);
  const shown = values['all-failures'] ? failures : unexpected;
  for (const failure of shown.slice(0, Number(values['max-failures']))) console.log(`FAILED ${describeFailure(failure)}`);
  summarise(scenarios, new Set(failures.map(({ name }) => name)));
  for (const [reason, count] of excused) console.log(`${String(count).padStart(6)} excused: ${reason}`);
  return unexpected.length > 0 ? 1 : 0;
};

const summarise = (scenarios: Scenario[], failed: Set<string>): void => {
  const byCategory = new Map<string, Scenario[]>();
  for (const scenario of scenarios) {
    const category = scenario.name.split('/').slice(0, 2).join('/');
    byCategory.set(category, [...(byCategory.get(category) ?? []), scenario]);
  }
  byCategory.set('in all', scenarios);
  for (const [category, list] of byCategory) {
    const bad = list.filter(({ name }) => failed.has(name)).length;
    console.log(`${String(list.length - bad).padStart(6)} of ${String(list.length).padStart(6)}  ${category}`);
  }
};
