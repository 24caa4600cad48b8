import { simulate, type SimulationOptions } from './simulation.js';

/** More with SIMULATION_SCHEDULES=10000. */
const schedules = Number(process.env['SIMULATION_SCHEDULES'] ?? 1_500);
const rates = { unavailable: 0.03, unknown: 0.06 };
/** Seeds that once found something stay. */
const kept = [49, 59, 178, 4166, 7370];

const run = async (count: number, options: Omit<SimulationOptions, 'seed'>, first = 1): Promise<{ seed: number; violations: string[] }[]> => {
  const found = [];
  for (let seed = first; seed < first + count; seed++) {
    const violations = await simulate({ seed, ...options }).catch((error: unknown) => [String(error)]);
    if (violations.length > 0) found.push({ seed, violations });
    if (found.length === 3) break;
  }
  return found;
};

describe('writers over one store, in simulated schedules', () => {
  it(`keep every promise in ${schedules} schedules with faults`, async () => {
    const first = process.env['SIMULATION_FIRST'] === undefined ? 1 : Number(process.env['SIMULATION_FIRST']);
    expect(await run(schedules, { rates }, first)).toEqual([]);
  });

  it.each(kept)('keep every promise with seed %i', async (seed) => {
    expect(await simulate({ seed, rates })).toEqual([]);
  });

  it('would be caught if an append did not insist on its revision', async () => {
    expect(await run(300, { rates: { unavailable: 0, unknown: 0 }, sabotage: { ignoreRevision: true } })).not.toEqual([]);
  });

  it('would be caught if they answered before the commit', async () => {
    expect(await run(300, { rates, sabotage: { answerBeforeCommit: true } })).not.toEqual([]);
  });
});
