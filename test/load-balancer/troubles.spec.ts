import { create, remove } from '../../libs/services/src/testing/commands.js';
import { lbPool, lbService } from '../../libs/services/src/testing/lb-commands.js';
import { WriterUnavailable } from '../../apps/allocator/src/writer/order.js';
import { Troubles } from '../../apps/allocator/src/load-balancer/troubles.js';
import { World } from './world.js';

describe('logs that nobody can write to', () => {
  /** Two shared pools; `first` comes before `next` in everything. */
  const start = async (services: number): Promise<World> => {
    const world = await World.of('blue', 'green');
    await world.do('lb-pool:first', lbPool('first', ['203.0.112.0/22'], { clusters: ['blue'] }));
    await world.do('lb-pool:next', lbPool('next', ['198.51.100.1'], { clusters: ['green'] }));
    await Promise.all(Array.from({ length: services }, (_, i) => world.do('blue', create(lbService(`s${i}`)))));
    await world.do('green', create(lbService('web')));
    const assigner = world.assigner();
    for (let i = 0; i < 2; i++) await assigner.round();
    expect([(await world.held('first')).length, (await world.held('next')).length]).toEqual([services, 1]);
    return world;
  };
  /** An assigner for which a log is broken, and how many steps it has tried there. */
  const broken = (world: World, log: string) => {
    const tries = { count: 0 };
    const assigner = world.assigner(async (id, name, order) => {
      if (name !== log) return world.submit(id, name, order);
      tries.count++;
      throw new WriterUnavailable('the row is held');
    });
    return { assigner, tries };
  };

  it('keep nobody else waiting, however many claims they hold for nobody', async () => {
    const world = await start(600);
    await Promise.all(Array.from({ length: 600 }, (_, i) => world.do('blue', remove(`s${i}`))));
    await world.do('green', remove('web'));
    await world.do('green', create(lbService('db')));
    const { assigner, tries } = broken(world, 'lb-pool:first');
    await assigner.round();
    expect(await world.status('green', 'db')).toBe('198.51.100.1 True/Assigned');
    expect(await world.held('first')).toHaveLength(600);
    expect(tries.count).toBeLessThan(40); // those under way at once, not one for each
    const before = tries.count;
    await assigner.round();
    expect(tries.count).toBe(before);
    world.now = new Date(world.now.getTime() + 60_000);
    await assigner.round();
    expect(tries.count).toBeGreaterThan(before);
    await world.assigner().round();
    expect(await world.held('first')).toEqual([]);
  });

  it('keep nobody else waiting, however many Services wait there', async () => {
    const world = await World.of('blue', 'green');
    await world.do('lb-pool:edge', lbPool('edge', ['203.0.113.0/24'], { clusters: 'all' }));
    await Promise.all(Array.from({ length: 300 }, (_, i) => world.do('blue', create(lbService(`s${i}`)))));
    await world.do('green', create(lbService('web')));
    const { assigner, tries } = broken(world, 'blue');
    for (let i = 0; i < 3; i++) await assigner.round();
    expect(await world.status('green', 'web')).toMatch(/True\/Assigned$/);
    expect(tries.count).toBeLessThan(80);
  });
});

describe('what is left alone', () => {
  it('is a log with three failures in a row, for longer and longer, until one step works', () => {
    const troubles = new Troubles();
    for (let i = 0; i < 2; i++) troubles.failed(1, 0);
    expect(troubles.isLeftAlone(1, 0)).toBe(false);
    troubles.failed(1, 0);
    expect([999, 1_000].map((ms) => troubles.isLeftAlone(1, ms))).toEqual([true, false]);
    expect(troubles.isLeftAlone(2, 0)).toBe(false);
    troubles.failed(1, 1_000);
    expect([2_999, 3_000].map((ms) => troubles.isLeftAlone(1, ms))).toEqual([true, false]);
    for (let i = 0; i < 9; i++) troubles.failed(1, 3_000);
    expect([32_999, 33_000].map((ms) => troubles.isLeftAlone(1, ms))).toEqual([true, false]);
    troubles.worked(1);
    expect(troubles.isLeftAlone(1, 3_000)).toBe(false);
  });

  it('is worth another attempt by and by, until there is nothing to do', () => {
    const troubles = new Troubles();
    troubles.failed(1, 0);
    expect([999, 1_000].map((ms) => troubles.isAnyOver(ms))).toEqual([false, true]);
    troubles.forgetUntried(999);
    expect(troubles.isAnyOver(1_000)).toBe(true);
    troubles.forgetUntried(1_000);
    expect(troubles.isAnyOver(99_000)).toBe(false);
  });
});
