import type { Command } from '@ipledger/services';
import { create, patch, remove } from '../../libs/services/src/testing/commands.js';
import { claim, lbPool, lbService, type PoolOptions } from '../../libs/services/src/testing/lb-commands.js';
import { QueueFull, WriterUnavailable } from '../../apps/allocator/src/writer/order.js';
import { Gate, World } from './world.js';

const edge = 'lb-pool:edge';
const four = '203.0.113.1';
const six = '2001:db8::1';
const dual = { ipFamilyPolicy: 'RequireDualStack' };
const prefers = { ipFamilyPolicy: 'PreferDualStack' };
const away = { spec: { type: 'ClusterIP', loadBalancerClass: null, allocateLoadBalancerNodePorts: null } };
const back = { spec: { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', allocateLoadBalancerNodePorts: false } };
const shared = (addresses: readonly string[], options: PoolOptions = {}): Command => lbPool('edge', addresses, { clusters: 'all', ...options });
const waits = 'False/NoPool';
const full = 'False/PoolsExhausted';

describe('a round of the assigner', () => {
  it('does nothing where nobody waits', async () => {
    expect(await (await World.of('blue')).assigner().round()).toEqual([]);
  });

  it('claims from a shared pool, attaches, and has nothing more to do', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four, six]));
    await world.do('blue', create(lbService('web', dual)));
    expect(await world.status('blue', 'web')).toBe(waits);
    const assigner = world.assigner();
    expect(await assigner.round()).toEqual(['claim done', 'attach done']);
    expect(await world.status('blue', 'web')).toBe(`${four} ${six} True/Assigned`);
    expect(await assigner.round()).toEqual([]);
  });

  it('gives the last address to one of two clusters, and to the other when it is free again', async () => {
    const world = await World.of('blue', 'green');
    await world.do(edge, shared([four]));
    for (const cluster of ['blue', 'green']) await world.do(cluster, create(lbService('web')));
    const [a, b] = [world.assigner(), world.assigner()];
    await Promise.all([a.round(), b.round()]);
    const [first, second] = (await world.status('blue', 'web')).startsWith(four) ? ['blue', 'green'] : ['green', 'blue'];
    expect(await world.status(first, 'web')).toBe(`${four} True/Assigned`);
    expect(await world.status(second, 'web')).toBe(full);
    expect(await world.held('edge')).toEqual([`${four} ${first}/web`]);
    await world.do(first, remove('web'));
    world.now = new Date(world.now.getTime() + 50);
    expect(await (second === 'blue' ? a : b).round()).toEqual(['release done', 'claim done', 'attach done']);
    expect(await world.status(second, 'web')).toBe(`${four} True/Assigned`);
  });

  it('takes the pools of the cluster first, and does not look at shared ones when they serve', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four]));
    await world.do('blue', create(lbService('web')));
    await world.do('blue', lbPool('own', ['198.51.100.1']));
    expect(await world.assigner().round()).toEqual(['assign done']);
    expect(await world.status('blue', 'web')).toBe('198.51.100.1 True/Assigned');
    await world.do('blue', create(lbService('db')));
    expect(await world.assigner().round()).toEqual(['assign nothing', 'claim done', 'attach done']);
    expect(await world.status('blue', 'db')).toBe(`${four} True/Assigned`);
  });

  it('takes shared pools in order of priority, and only those that serve the cluster', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four], { priority: 20 }));
    await world.do('lb-pool:core', lbPool('core', ['198.51.100.1'], { clusters: ['blue'], priority: 10 }));
    await world.do('lb-pool:other', lbPool('other', ['192.0.2.1'], { clusters: ['green'], priority: 1 }));
    for (const name of ['a', 'b', 'c']) await world.do('blue', create(lbService(name)));
    await world.assigner().round();
    expect([await world.held('core'), await world.held('edge'), await world.held('other')].map((held) => held.length)).toEqual([1, 1, 0]);
  });

  it('gives a Service that requires both families both or none', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four]));
    await world.do('blue', create(lbService('web', dual)));
    const assigner = world.assigner();
    expect(await assigner.round()).toEqual(['claim nothing', 'report done']);
    expect(await world.held('edge')).toEqual([]);
    await world.do(edge, shared([four, six], { existing: 'replace' }));
    world.now = new Date(world.now.getTime() + 50);
    expect(await assigner.round()).toEqual(['claim done', 'attach done']);
  });

  it('gives one that prefers both what can be had, and the rest from the same pool when there is room', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four]));
    await world.do('lb-pool:more', lbPool('more', ['2001:db8::ff'], { clusters: 'all', priority: 200 }));
    await world.do('blue', create(lbService('web', prefers)));
    const assigner = world.assigner();
    expect(await assigner.round()).toEqual(['claim done', 'attach done']);
    expect(await world.status('blue', 'web')).toBe(`${four} True/PartlyAssigned`);
    expect(await assigner.round()).toEqual(['claim nothing', 'report done']);
    const before = await world.store.pulse();
    world.now = new Date(world.now.getTime() + 30_000);
    expect(await assigner.round()).toEqual(['claim nothing', 'report nothing']);
    expect(await world.store.pulse()).toBe(before); // nothing is appended for trying
    await world.do(edge, shared([four, six], { existing: 'replace' }));
    world.now = new Date(world.now.getTime() + 2_000);
    await assigner.round();
    expect(await world.status('blue', 'web')).toBe(`${four} ${six} True/Assigned`);
  });

  it('gives one that asks for two by number the second when it is free, although it has the first', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four, six]));
    await world.do('blue', create(lbService('holder', { ipFamilies: ['IPv6'] })));
    const assigner = world.assigner();
    await assigner.round();
    await world.do('blue', create(lbService('web', prefers, { annotations: { 'ipledger.io/load-balancer-ips': `${four},${six}` } })));
    await assigner.round();
    expect(await world.status('blue', 'web')).toBe(`${four} True/PartlyAssigned`);
    await world.do('blue', remove('holder'));
    world.now = new Date(world.now.getTime() + 2_000);
    await assigner.round();
    expect(await world.status('blue', 'web')).toBe(`${four} ${six} True/Assigned`);
  });

  it('leaves one that comes to require both what it has until it can have both', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four]));
    await world.do('blue', create(lbService('web')));
    const assigner = world.assigner();
    await assigner.round();
    await world.do('blue', patch('web', { spec: dual }));
    expect(await world.status('blue', 'web')).toBe(`${four} False/RequirementUnmet`);
    expect(await assigner.round()).toEqual(['claim nothing', 'report done']);
    expect(await world.status('blue', 'web')).toBe(`${four} False/RequirementUnmet`);
    await world.do(edge, shared([four, six], { existing: 'replace' }));
    world.now = new Date(world.now.getTime() + 50);
    expect(await assigner.round()).toEqual(['claim done', 'attach done']);
    expect(await world.status('blue', 'web')).toBe(`${four} ${six} True/Assigned`);
  });

  it('leaves what is held where it is when its range is drained, and gives nothing more of it', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([`${four}-203.0.113.9`]));
    await world.do('blue', create(lbService('web')));
    await world.assigner().round();
    const had = await world.status('blue', 'web');
    await world.do(edge, { type: 'DrainLbPool', name: edge, pool: 'edge', range: null, drain: true, time: world.now, seed: [1, 2, 3, 4], dryRun: false });
    await world.do('blue', create(lbService('db')));
    expect(await world.assigner().round()).toEqual(['claim nothing', 'report done']);
    expect(await world.status('blue', 'web')).toBe(had);
  });

  it.each([
    ['deleted', remove('web')], ['of another type', patch('web', away)],
  ])('releases what a Service had that is %s', async (_, command) => {
    const world = await World.of('blue');
    await world.do(edge, shared([four, six]));
    await world.do('blue', create(lbService('web', dual)));
    const assigner = world.assigner();
    await assigner.round();
    await world.do('blue', command);
    expect(await assigner.round()).toEqual(['release done']);
    expect(await world.held('edge')).toEqual([]);
  });

  it('gives a Service that is made again its address back, although others wait for one', async () => {
    const world = await World.of('blue', 'green');
    await world.do(edge, shared([four, '203.0.113.2'], { coolDownSeconds: 300 }));
    await world.do('blue', create(lbService('web')));
    await world.do('green', create(lbService('web')));
    const assigner = world.assigner();
    await assigner.round();
    const had = await world.status('blue', 'web');
    await world.do('blue', create(lbService('a-waits')));
    await assigner.round();
    await world.do('blue', remove('web'));
    await assigner.round();
    await world.do('blue', create(lbService('web'), { newUid: 'uid-again' }));
    await assigner.round();
    expect(await world.status('blue', 'web')).toBe(had);
    expect(await world.status('blue', 'a-waits')).toBe(full);
  });
});

describe('a step that comes late', () => {
  /** A Service of blue that waits, and one of green behind it. */
  const start = async (): Promise<World> => {
    const world = await World.of('blue', 'green');
    await world.do(edge, shared([four]));
    await world.do('blue', create(lbService('web')));
    return world;
  };

  it('attaches nothing when the type was changed away and back since the claim', async () => {
    const world = await start();
    const gate = new Gate('AttachLoadBalancer', world.submit);
    const stale = world.assigner(gate.submit);
    const round = stale.round();
    await gate.reached;
    expect(await world.held('edge')).toEqual([`${four} blue/web`]);
    await world.do('blue', patch('web', away));
    await world.do('green', create(lbService('web')));
    // Another one releases what nobody waits for any more, and green gets it.
    expect(await world.assigner().round()).toEqual(['release done', 'claim done', 'attach done']);
    await world.do('blue', patch('web', back));
    gate.letGo();
    expect(await round).toEqual(['claim done', 'attach nothing']);
    expect([await world.status('blue', 'web'), await world.status('green', 'web')]).toEqual([waits, `${four} True/Assigned`]);
    expect(await world.held('edge')).toEqual([`${four} green/web`]);
  });

  it('attaches nothing for an earlier wait either while the address is claimed for the present one', async () => {
    const world = await start();
    const gate = new Gate('AttachLoadBalancer', world.submit);
    const stale = world.assigner(gate.submit);
    const round = stale.round();
    await gate.reached;
    await world.do('blue', patch('web', away));
    await world.do('blue', patch('web', back));
    gate.letGo();
    expect(await round).toEqual(['claim done', 'attach nothing']);
    expect(await world.status('blue', 'web')).toBe(waits);
    await world.assigner().round();
    expect(await world.status('blue', 'web')).toBe(`${four} True/Assigned`);
    expect(await world.held('edge')).toEqual([`${four} blue/web`]);
  });

  it('releases nothing that was claimed anew since it was seen without a holder', async () => {
    const world = await start();
    await world.assigner().round();
    await world.do('blue', patch('web', away));
    const gate = new Gate('ReleaseLoadBalancer', world.submit);
    const stale = world.assigner(gate.submit);
    const round = stale.round();
    await gate.reached;
    await world.do('blue', patch('web', back));
    const { wait, request } = await world.wish('blue', 'web');
    await world.do(edge, { ...claim('blue', request, wait), name: edge });
    const other = world.assigner();
    expect(await other.round()).toEqual(['attach done']);
    gate.letGo();
    expect((await round)[0]).toBe('release nothing');
    expect(await world.status('blue', 'web')).toBe(`${four} True/Assigned`);
    expect(await world.held('edge')).toEqual([`${four} blue/web`]);
    expect(await other.round()).toEqual([]);
  });

  it('claims nothing for a wait that is over while what was claimed since is attached', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four, '203.0.113.2']));
    await world.do('blue', create(lbService('web')));
    const gate = new Gate('ClaimLoadBalancer', world.submit);
    const stale = world.assigner(gate.submit);
    const round = stale.round();
    await gate.reached;
    await world.do('blue', patch('web', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': '203.0.113.2' } } }));
    expect(await world.assigner().round()).toEqual(['claim done', 'attach done']);
    gate.letGo();
    expect(await round).toEqual(['claim nothing']);
    expect(await world.status('blue', 'web')).toBe('203.0.113.2 True/Assigned');
    expect(await world.held('edge')).toEqual(['203.0.113.2 blue/web']);
    expect(await world.assigner().round()).toEqual([]);
  });

  it('takes nothing away from a Service that was made again under its name', async () => {
    const world = await start();
    const gate = new Gate('ClaimLoadBalancer', world.submit);
    const stale = world.assigner(gate.submit);
    const round = stale.round();
    await gate.reached;
    await world.do('blue', remove('web'));
    await world.do('blue', create(lbService('web'), { newUid: 'uid-again' }));
    await world.assigner().round();
    gate.letGo();
    expect((await round)[0]).toBe('claim nothing');
    expect(await world.status('blue', 'web')).toBe(`${four} True/Assigned`);
    expect(await world.assigner().round()).toEqual([]);
  });
});

describe('a step that fails', () => {
  const failing = (world: World, type: Command['type'], error: Error, fate: 'lost' | 'done') => {
    let left = 1;
    return world.assigner(async (id, log, order) => {
      if (order.command.type !== type || left-- === 0) return world.submit(id, log, order);
      if (fate === 'done') await world.submit(id, log, order);
      throw error;
    });
  };

  it.each<[Command['type'], 'lost' | 'done']>([['ClaimLoadBalancer', 'lost'], ['ClaimLoadBalancer', 'done'], ['AttachLoadBalancer', 'lost'], ['AttachLoadBalancer', 'done']])(
    'is done by the next round, when the outcome of %s is not known and it was %s', async (type, fate) => {
      const world = await World.of('blue');
      await world.do(edge, shared([four]));
      await world.do('blue', create(lbService('web')));
      const assigner = failing(world, type, new WriterUnavailable('whether it happened is not known'), fate);
      expect((await assigner.round()).at(-1)).toMatch(/failed$/);
      world.now = new Date(world.now.getTime() + 1_000);
      await assigner.round();
      expect(await world.status('blue', 'web')).toBe(`${four} True/Assigned`);
      expect(await world.held('edge')).toEqual([`${four} blue/web`]);
    });

  it('ends the round when the database does not answer either', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four]));
    await world.do('blue', create(lbService('web')));
    const assigner = failing(world, 'ClaimLoadBalancer', new WriterUnavailable('the database is away'), 'lost');
    const pulse = vi.spyOn(world.store, 'pulse').mockRejectedValueOnce(new Error('away'));
    await expect(assigner.round()).rejects.toThrow('the database is away');
    expect(pulse).toHaveBeenCalledOnce();
    await assigner.round();
    expect(await world.status('blue', 'web')).toBe(`${four} True/Assigned`);
  });

  it.each([new QueueFull('blue', 1), new Error('a bug')])('keeps nobody else from his address: %s', async (error) => {
    const world = await World.of('blue');
    await world.do(edge, shared([`${four}-203.0.113.9`]));
    for (const name of ['a', 'b', 'c']) await world.do('blue', create(lbService(name)));
    const assigner = world.assigner(async (id, log, order) => {
      if (order.command.type === 'ClaimLoadBalancer' && order.command.request.service.name === 'a') throw error;
      return world.submit(id, log, order);
    });
    await assigner.round();
    expect(await Promise.all(['a', 'b', 'c'].map((name) => world.status('blue', name)))).toEqual([waits, expect.stringMatching(/Assigned$/), expect.stringMatching(/Assigned$/)]);
  });
});

describe('many that wait', () => {
  it('for a full pool cost one attempt, again after news, and later and later without', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four]));
    await world.do('blue', create(lbService('holder')));
    await world.assigner().round();
    for (let i = 0; i < 300; i++) await world.do('blue', create(lbService(`s${i}`)));
    const assigner = world.assigner();
    expect((await assigner.round()).length).toBe(600); // each is tried once for itself, and says why in vain
    const before = await world.store.pulse();
    expect(await assigner.round()).toEqual([]);
    world.now = new Date(world.now.getTime() + 30_000);
    expect(await assigner.round()).toEqual(['claim nothing', 'report nothing']);
    expect(await world.store.pulse()).toBe(before);
    await world.do('blue', remove('holder'));
    await world.assigner().round(); // releases it, and gives it to one of them
    expect((await world.held('edge')).length).toBe(1);
    world.now = new Date(world.now.getTime() + 2_000);
    expect((await assigner.round()).length).toBe(2);
  });

  it('leave nothing to try again behind when they are gone', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four]));
    for (const name of ['holder', 'web']) await world.do('blue', create(lbService(name)));
    const assigner = world.assigner();
    await assigner.round();
    const waiting = (await world.status('blue', 'web')).endsWith('Assigned') ? 'holder' : 'web';
    await world.do('blue', remove(waiting));
    const laterMs = world.now.getTime() + 60_000;
    expect(assigner.patience.isAnyOver(laterMs)).toBe(true);
    world.now = new Date(laterMs);
    expect(await assigner.round()).toEqual([]);
    expect(assigner.patience.isAnyOver(laterMs + 60_000)).toBe(false);
  });

  it('in one cluster do not keep another cluster waiting', async () => {
    const world = await World.of('blue', 'green');
    await world.do(edge, shared(['203.0.113.0/24']));
    await Promise.all(Array.from({ length: 600 }, (_, i) => world.do('blue', create(lbService(`s${i}`)))));
    await world.do('green', create(lbService('web')));
    let claims = 0;
    let turn = 0;
    const assigner = world.assigner(async (id, log, order) => {
      if (order.command.type === 'ClaimLoadBalancer') {
        claims++;
        if (order.command.cluster === 'green') turn = claims;
      }
      return world.submit(id, log, order);
    });
    await assigner.round();
    expect(await world.status('green', 'web')).toMatch(/Assigned$/);
    expect(turn).toBeLessThan(300);
    expect(await world.held('edge')).toHaveLength(256);
  });
});
