// npm run simulate -- --schedules N: how many schedules break a promise, and what they break; with --bug, how many find it.
import { bugs, type Bug } from './bugs.js';
import { bugLines, readArgs, runSchedules } from './run-schedules.js';
import { simulate } from './simulation.js';

const help = `npm run simulate -- [options]

Runs schedules of writers, store, relays and broker in memory, one a seed, and says which break a promise
(test/simulation/README.md). Exit code 1 when one does; with --bug, when none does.

  --schedules N    how many (10000)
  --first S        the first seed (1)
  --no-relays      writers and store alone
  --bug NAME       with a bug, one of:
${bugLines(bugs, 22)}
`;

const args = readArgs<Bug>(help, '10000', bugs, ['no-relays']);
const { schedules, first, bug } = args;
const run = (seed: number): ReturnType<typeof simulate> => simulate({ seed, relays: !args.flags.has('no-relays'), ...(bug !== undefined && { bug }) });
const { found, happened, seconds } = await runSchedules(args, run, 3, (seed, violations) => {
  for (const violation of violations.slice(0, 5)) console.log(`seed ${seed}: ${violation}`);
});
console.log(happened);
console.log(`${found} of ${schedules} schedules (seeds ${first} to ${first + schedules - 1}) break a promise${bug === undefined ? '' : `, with ${bug}`}; ${seconds} s`);
process.exit((found > 0) === (bug !== undefined) ? 0 : 1);
