// npm run simulate:lb -- --schedules N: how many schedules of assigners break a law; with --bug, how many find it.
import { lbBugs, type LbBug } from './lb-bugs.js';
import { simulateLb } from './lb-simulation.js';
import { bugLines, readArgs, runSchedules } from './run-schedules.js';

const help = `npm run simulate:lb -- [options]

Runs schedules of clusters, shared LB pools and assigners in memory, one a seed, and says which break a law (test/simulation/README.md).
Exit code 1 when one does; with --bug, when none does.

  --schedules N    how many (1000)
  --first S        the first seed (1)
  --bug NAME       with a bug, one of:
${bugLines(lbBugs, 24)}
`;

const args = readArgs<LbBug>(help, '1000', lbBugs);
const { found, happened, seconds } = await runSchedules(args, (seed) => simulateLb(seed, args.bug), 5, (seed, violations) => {
  process.stdout.write(`seed ${seed}: ${violations.join('\n  ')}\n`);
});
process.stdout.write(`${found} of ${args.schedules} schedules break a law, in ${seconds} s; in them: ${happened}\n`);
process.exit((found > 0) === (args.bug === undefined) ? 1 : 0);
