import { lbBugs, type LbBug } from './lb-bugs.js';
import { simulateLb } from './lb-simulation.js';

/** More: npm run simulate:lb. */
const schedules = 300;
const bugSchedulesMax = 300;

/** The first seed that finds something, and what; and what happened in all of them. */
const firstFound = async (count: number, bug?: LbBug): Promise<{ found: string[]; happened: Record<string, number> }> => {
  const happened: Record<string, number> = {};
  for (let seed = 1; seed <= count; seed++) {
    const verdict = await simulateLb(seed, bug).catch((error: unknown) => ({ violations: [String(error)], happened: {} }));
    for (const [what, times] of Object.entries(verdict.happened)) happened[what] = (happened[what] ?? 0) + times;
    if (verdict.violations.length > 0) return { found: verdict.violations.map((violation) => `seed ${seed}: ${violation}`), happened };
  }
  return { found: [], happened };
};

describe('assigners of addresses of shared LB pools', () => {
  it(`give no address to two Services and keep none for nobody, in ${schedules} schedules in which everything happens that this is about`, async () => {
    const { found, happened } = await firstFound(schedules);
    expect(found).toEqual([]);
    expect(Object.entries(happened).filter(([, times]) => times === 0)).toEqual([]);
  });

  it('take the same seed for the same schedule', async () => {
    expect(await simulateLb(7)).toEqual(await simulateLb(7));
  });

  it.each(Object.entries(lbBugs) as [LbBug, string][])('would be caught if %s: %s', async (bug) => {
    expect((await firstFound(bugSchedulesMax, bug)).found).not.toEqual([]);
  });
});
