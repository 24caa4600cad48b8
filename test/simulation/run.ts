// npm run simulate -- --schedules N: how many schedules break a promise, and what they break; with --bug, how many find it.
import { parseArgs } from 'node:util';
import { bugs, type Bug } from './bugs.js';
import { simulate } from './simulation.js';

const help = `npm run simulate -- [options]

Runs schedules of writers, store, relays and broker in memory, one a seed, and says which break a promise
(test/simulation/README.md). Exit code 1 when one does; with --bug, when none does.

  --schedules N    how many (10000)
  --first S        the first seed (1)
  --no-relays      writers and store alone
  --bug NAME       with a bug, one of:
${Object.entries(bugs).map(([name, what]) => `                     ${name.padEnd(22)} ${what}`).join('\n')}
`;

const { values } = parseArgs({ options: {
  schedules: { type: 'string', default: '10000' }, first: { type: 'string', default: '1' }, 'no-relays': { type: 'boolean', default: false },
  bug: { type: 'string' }, help: { type: 'boolean', default: false },
} });
const [schedules, first] = [Number(values.schedules), Number(values.first)];
const isBug = (name: string | undefined): name is Bug | undefined => name === undefined || name in bugs;
if (values.help || !isBug(values.bug) || !Number.isSafeInteger(schedules) || !Number.isSafeInteger(first)) {
  process.stdout.write(help);
  process.exit(values.help ? 0 : 2);
}
const startedMs = performance.now();
const happened = new Map<string, number>();
let found = 0;
for (let seed = first; seed < first + schedules; seed++) {
  const verdict = await simulate({ seed, relays: !values['no-relays'], ...(values.bug !== undefined && { bug: values.bug }) })
    .catch((error: unknown) => ({ violations: [String(error)], happened: {} }));
  for (const [what, times] of Object.entries(verdict.happened)) happened.set(what, (happened.get(what) ?? 0) + times);
  if (verdict.violations.length > 0 && ++found <= 3) for (const violation of verdict.violations.slice(0, 5)) console.log(`seed ${seed}: ${violation}`);
}
console.log([...happened].map(([what, times]) => `${times} ${what}`).join(', '));
console.log(`${found} of ${schedules} schedules (seeds ${first} to ${first + schedules - 1}) break a promise${values.bug === undefined ? '' : `, with ${values.bug}`}; ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
process.exit((found > 0) === (values.bug !== undefined) ? 0 : 1);
