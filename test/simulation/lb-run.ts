// npm run simulate:lb -- --schedules N: how many schedules of assigners break a law; with --bug, how many find it.
import { parseArgs } from 'node:util';
import { lbBugs, type LbBug } from './lb-bugs.js';
import { simulateLb } from './lb-simulation.js';

const help = `npm run simulate:lb -- [options]

Runs schedules of clusters, shared LB pools and assigners in memory, one a seed, and says which break a law (test/simulation/README.md).
Exit code 1 when one does; with --bug, when none does.

  --schedules N    how many (1000)
  --first S        the first seed (1)
  --bug NAME       with a bug, one of:
${Object.entries(lbBugs).map(([name, what]) => `                     ${name.padEnd(24)} ${what}`).join('\n')}
`;

const { values } = parseArgs({ options: { schedules: { type: 'string', default: '1000' }, first: { type: 'string', default: '1' }, bug: { type: 'string' }, help: { type: 'boolean', default: false } } });
const [schedules, first] = [Number(values.schedules), Number(values.first)];
const isBug = (name: string | undefined): name is LbBug | undefined => name === undefined || name in lbBugs;
if (values.help || !isBug(values.bug) || !Number.isSafeInteger(schedules) || !Number.isSafeInteger(first)) {
  process.stdout.write(help);
  process.exit(values.help ? 0 : 2);
}
const startedMs = performance.now();
const happened = new Map<string, number>();
let found = 0;
for (let seed = first; seed < first + schedules; seed++) {
  const verdict = await simulateLb(seed, values.bug).catch((error: unknown) => ({ violations: [String(error)], happened: {} }));
  for (const [what, times] of Object.entries(verdict.happened)) happened.set(what, (happened.get(what) ?? 0) + times);
  if (verdict.violations.length > 0 && ++found <= 5) process.stdout.write(`seed ${seed}: ${verdict.violations.join('\n  ')}\n`);
}
process.stdout.write(`${found} of ${schedules} schedules break a law, in ${((performance.now() - startedMs) / 1000).toFixed(1)} s; in them: ${[...happened].map(([what, times]) => `${times} ${what}`).join(', ')}\n`);
process.exit((found > 0) === (values.bug === undefined) ? 1 : 0);
