import { bugs, type Bug } from './bugs.js';
import { simulate, type SimulationOptions } from './simulation.js';

/** More: npm run simulate. */
const schedules = 1_000;
const bugSchedulesMax = 600;
/** Seeds that once found something stay. */
const kept = [49, 59, 178, 4166, 7370];

/** The first seed that finds something, and what; and what happened in all of them. */
const firstFound = async (count: number, options: Omit<SimulationOptions, 'seed'>): Promise<{ found: string[]; happened: Record<string, number> }> => {
  const happened: Record<string, number> = {};
  for (let seed = 1; seed <= count; seed++) {
    const verdict = await simulate({ seed, ...options }).catch((error: unknown) => ({ violations: [String(error)], happened: {} }));
    for (const [what, times] of Object.entries(verdict.happened)) happened[what] = (happened[what] ?? 0) + times;
    if (verdict.violations.length > 0) return { found: verdict.violations.map((violation) => `seed ${seed}: ${violation}`), happened };
  }
  return { found: [], happened };
};

describe('writers over one store', () => {
  it(`keep every promise in ${schedules} schedules with faults`, async () => {
    expect((await firstFound(schedules, {})).found).toEqual([]);
  });

  it.each(kept)('keep every promise with seed %i', async (seed) => {
    expect((await simulate({ seed })).violations).toEqual([]);
  });
});

describe('writers, store, relays and broker', () => {
  it(`keep every promise in ${schedules} schedules with faults, in which everything happens that they are about`, async () => {
    const { found, happened } = await firstFound(schedules, { relays: true });
    expect(found).toEqual([]);
    expect(Object.entries(happened).filter(([, times]) => times === 0)).toEqual([]);
  });

  it('take the same seed for the same schedule', async () => {
    expect(await simulate({ seed: 7, relays: true })).toEqual(await simulate({ seed: 7, relays: true }));
  });

  it.each(Object.entries(bugs) as [Bug, string][])('would be caught if %s: %s', async (bug) => {
    expect((await firstFound(bugSchedulesMax, { relays: true, bug })).found).not.toEqual([]);
  });
});
