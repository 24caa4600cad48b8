import { createLogger, type Logger } from '@ipledger/runtime';
import type { DatedEvent } from '@ipledger/services';
import { eventually } from '@ipledger/testing';
import { create, patch, remove } from '../../libs/services/src/testing/commands.js';
import { lbPool, lbService } from '../../libs/services/src/testing/lb-commands.js';
import { WriterUnavailable } from '../../apps/allocator/src/writer/order.js';
import { Assigner, type AssignerLock } from '../../apps/allocator/src/load-balancer/assigner.js';
import { Gate, World } from './world.js';

const four = '203.0.113.1';
const free: AssignerLock = { isMine: () => Promise.resolve(true), release: () => Promise.resolve() };

describe('Assigner', () => {
  const running: Assigner[] = [];
  const lines: string[] = [];
  const logger: Logger = createLogger({ level: 'info', format: 'json', write: (line) => void lines.push(line) });
  const start = (world: World, lock: AssignerLock = free, submit = world.submit): Assigner => {
    const assigner = new Assigner({ store: world.store, submit, observer: { stepped: () => undefined }, logger });
    running.push(assigner);
    assigner.start(lock);
    return assigner;
  };
  const withOneAddress = async (): Promise<World> => {
    const world = await World.of('blue');
    await world.do('lb-pool:edge', lbPool('edge', [four], { clusters: 'all' }));
    return world;
  };
  beforeEach(() => {
    lines.length = 0;
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((assigner) => assigner.stop()));
  });

  it('serves who waits when it starts, and whoever comes to wait', async () => {
    const world = await withOneAddress();
    await world.do('blue', create(lbService('web')));
    start(world);
    await eventually(async () => expect(await world.status('blue', 'web')).toBe(`${four} True/Assigned`));
    await world.do('blue', remove('web'));
    await world.do('blue', create(lbService('db'))); // by another process: nobody tells this one
    await eventually(async () => expect(await world.status('blue', 'db')).toBe(`${four} True/Assigned`));
  });

  it('does nothing without the lock, and works once it has it', async () => {
    const world = await withOneAddress();
    await world.do('blue', create(lbService('web')));
    const lock = { mine: false, asked: 0, isMine: async () => { lock.asked++; return lock.mine; }, release: async () => undefined };
    const assigner = start(world, lock);
    await eventually(() => expect(lock.asked).toBeGreaterThan(1));
    expect([assigner.isActive, await world.status('blue', 'web')]).toEqual([false, 'False/NoPool']);
    lock.mine = true;
    await eventually(async () => expect(await world.status('blue', 'web')).toBe(`${four} True/Assigned`));
    expect(assigner.isActive).toBe(true);
    expect(lines.join('')).toContain('this process assigns load balancer addresses');
  });

  it('does no harm beside another one that is active too', async () => {
    const world = await World.of('blue', 'green');
    await world.do('lb-pool:edge', lbPool('edge', ['203.0.113.0/28'], { clusters: 'all' }));
    for (let i = 0; i < 2; i++) start(world);
    await Promise.all(Array.from({ length: 20 }, (_, i) => world.do(i % 2 === 0 ? 'blue' : 'green', create(lbService(`s${i}`)))));
    await eventually(async () => expect(await world.held('edge')).toHaveLength(16));
    await eventually(async () => expect((await world.store.lbUnattached('lb-pool:', 100)).length).toBe(0));
    const addresses = (await world.held('edge')).map((text) => text.split(' ')[0]);
    expect(new Set(addresses).size).toBe(16);
  });

  it('goes on after the database was away, says so once, and gives up its lock meanwhile', async () => {
    const world = await withOneAddress();
    await world.do('blue', create(lbService('web')));
    let failures = 3;
    let released = 0;
    start(world, { ...free, release: async () => void released++ }, async (id, log, order) => {
      if (failures-- > 0) {
        vi.spyOn(world.store, 'pulse').mockRejectedValueOnce(new Error('away'));
        throw new WriterUnavailable('the database is away');
      }
      return world.submit(id, log, order);
    });
    await eventually(async () => expect(await world.status('blue', 'web')).toBe(`${four} True/Assigned`));
    expect(lines.filter((line) => line.includes('pauses')).length).toBe(3);
    expect(lines.find((line) => line.includes('pauses'))).toContain('"pauseMs":200');
    expect(released).toBe(3);
  });

  it('waits for the step under way when it stops, and begins no other', async () => {
    const world = await World.of('blue');
    await world.do('lb-pool:edge', lbPool('edge', ['203.0.113.0/28'], { clusters: 'all' }));
    await world.do('blue', create(lbService('web')));
    const gate = new Gate('ClaimLoadBalancer', world.submit);
    const assigner = start(world, free, gate.submit);
    await gate.reached;
    let stopped = false;
    const stopping = assigner.stop().then(() => { stopped = true; });
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(stopped).toBe(false);
    gate.letGo();
    await stopping;
    expect(await world.held('edge')).toHaveLength(1); // claimed; the next process attaches it
    expect(await world.status('blue', 'web')).toBe('False/NoPool');
    start(world);
    await eventually(async () => expect(await world.status('blue', 'web')).toMatch(/Assigned$/));
    expect(await world.held('edge')).toHaveLength(1);
  });

  it('looks after commits that can matter, and after no others', async () => {
    const world = await withOneAddress();
    await world.do('blue', create(lbService('web')));
    await world.do('blue', patch('web', { spec: { type: 'ClusterIP', loadBalancerClass: null, allocateLoadBalancerNodePorts: null } }));
    const log = await world.store.readLog((await world.head('blue')).id, 0, 100);
    const [waiting, plain] = log.slice(-2).map(({ events, time, revision }) => (JSON.parse(events) as DatedEvent['event'][]).map((event): DatedEvent => ({ event, revision, time })));
    const look = vi.spyOn(world.store, 'lbUnattached');
    const poll = vi.spyOn(world.store, 'pulse');
    const assigner = start(world);
    /** It has asked twice whether anything was committed, and has not looked. */
    const isQuiet = (): Promise<void> => eventually(async () => {
      const [looks, polls] = [look.mock.calls.length, poll.mock.calls.length];
      await eventually(() => expect(poll.mock.calls.length).toBeGreaterThan(polls + 1));
      expect(look.mock.calls.length).toBe(looks);
    });
    await isQuiet();
    assigner.note('blue', plain!);
    const before = look.mock.calls.length;
    await isQuiet();
    expect(look.mock.calls.length).toBe(before);
    assigner.note('blue', waiting!);
    await eventually(() => expect(look.mock.calls.length).toBeGreaterThan(before));
  });
});
