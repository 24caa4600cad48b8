import type { Command } from '@ipledger/services';
import { create, patch } from '../../libs/services/src/testing/commands.js';
import { declareDefault, lbPool, lbService, type PoolOptions } from '../../libs/services/src/testing/lb-commands.js';
import { World } from './world.js';

const edge = 'lb-pool:edge';
const four = '203.0.113.1';
const six = '2001:db8::1';
const shared = (addresses: readonly string[], options: PoolOptions = {}): Command => lbPool('edge', addresses, { clusters: 'all', ...options });

describe('Services without a class, in a cluster that comes to serve them', () => {
  const bare = (name: string) => create(lbService(name, { loadBalancerClass: undefined, ipFamilyPolicy: 'PreferDualStack' }));
  /** What another controller has written. */
  const shows = (name: string, ip: string): Command => patch(name, { status: { loadBalancer: { ingress: [{ ip }] } } }, { subresource: 'status' });
  const own = (addresses: readonly string[], options: PoolOptions = {}): Command => lbPool('own', addresses, options);

  it('are looked at by nobody before, and do not wait', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four, six]));
    await world.do('blue', own(['198.51.100.1']));
    await world.do('blue', bare('web'));
    expect(await world.assigner().round()).toEqual([]);
    expect(await world.status('blue', 'web')).toBe('not served');
  });

  it('cost no look at their cluster either', async () => {
    const world = await World.of('blue', 'green');
    for (const cluster of ['blue', 'green']) await world.do(cluster, bare('web'));
    await world.do('green', declareDefault(true));
    const looked = vi.spyOn(world.store, 'head');
    expect(await world.assigner().round()).toEqual(['assign done']);
    expect(looked.mock.calls).toEqual([[(await world.head('green')).id]]);
  });

  it('get addresses of the pools of the cluster without being touched', async () => {
    const world = await World.of('blue');
    await world.do('blue', bare('web'));
    await world.do('blue', own(['198.51.100.1', '2001:db8:1::1']));
    await world.do('blue', declareDefault(true));
    const assigner = world.assigner();
    expect(await assigner.round()).toEqual(['assign done']);
    expect(await world.status('blue', 'web')).toBe('198.51.100.1 2001:db8:1::1 True/Assigned');
    expect(await assigner.round()).toEqual([]);
  });

  it('get addresses of a shared pool, once they say that they wait', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four, six]));
    await world.do('blue', bare('web'));
    const assigner = world.assigner();
    expect(await assigner.round()).toEqual([]);
    await world.do('blue', declareDefault(true));
    expect(await assigner.round()).toEqual(['assign done']);
    expect(await world.status('blue', 'web')).toBe('False/AwaitingSharedPool');
    expect(await assigner.round()).toEqual(['claim done', 'attach done']);
    expect(await world.status('blue', 'web')).toBe(`${four} ${six} True/Assigned`);
  });

  it('wait where no pool has anything, and are served when one comes', async () => {
    const world = await World.of('blue');
    await world.do('blue', bare('web'));
    await world.do('blue', declareDefault(true));
    const assigner = world.assigner();
    await assigner.round();
    expect(await world.status('blue', 'web')).toBe('False/NoPool');
    await world.do('blue', own(['198.51.100.1', '2001:db8:1::1']));
    await assigner.round();
    expect(await world.status('blue', 'web')).toBe('198.51.100.1 2001:db8:1::1 True/Assigned');
  });

  it('keep what another controller wrote while no pool can serve them, and for good what lies in a pool of the cluster', async () => {
    const world = await World.of('blue');
    for (const [name, ip] of [['a', '198.51.100.2'], ['b', '192.0.2.7']] as const) {
      await world.do('blue', bare(name));
      await world.do('blue', shows(name, ip));
    }
    await world.do('blue', declareDefault(true));
    const assigner = world.assigner();
    expect(await assigner.round()).toEqual(['assign nothing', 'assign nothing']);
    expect(await world.status('blue', 'b')).toBe('192.0.2.7 not served');
    await world.do('blue', own(['198.51.100.1-198.51.100.2', '2001:db8:1::1-2001:db8:1::2']));
    await assigner.round();
    expect(await world.status('blue', 'a')).toMatch(/^198\.51\.100\.2 2001:db8:1::[12] True\/Assigned$/);
    expect(await world.status('blue', 'b')).toMatch(/^198\.51\.100\.1 2001:db8:1::[12] True\/Assigned$/);
  });

  it('are taken over from another controller by a shared pool that may serve them', async () => {
    const world = await World.of('blue');
    await world.do(edge, shared([four, six], { autoAssign: false }));
    await world.do('blue', bare('web'));
    await world.do('blue', shows('web', '192.0.2.7'));
    await world.do('blue', declareDefault(true));
    const assigner = world.assigner();
    expect(await assigner.round()).toEqual(['assign nothing']); // that pool is for those who ask for it
    await world.do(edge, shared([four, six], { existing: 'replace' }));
    world.now = new Date(world.now.getTime() + 50);
    for (let i = 0; i < 2; i++) await assigner.round();
    expect(await world.status('blue', 'web')).toBe(`${four} ${six} True/Assigned`);
  });

  it('stay served when the cluster serves such no longer, and those that come then are not', async () => {
    const world = await World.of('blue');
    await world.do('blue', declareDefault(true));
    await world.do('blue', bare('waits'));
    await world.do('blue', declareDefault(false));
    await world.do('blue', bare('late'));
    await world.do('blue', own(['198.51.100.1-198.51.100.9', '2001:db8:1::/120']));
    await world.assigner().round();
    expect(await world.status('blue', 'waits')).toMatch(/True\/Assigned$/);
    expect(await world.status('blue', 'late')).toBe('not served');
  });

  it('many of them are served in bounded rounds, none twice', async () => {
    const world = await World.of('blue');
    await Promise.all(Array.from({ length: 450 }, (_, i) => world.do('blue', bare(`s${i}`))));
    await world.do('blue', own(['198.51.0.0/20', '2001:db8:1::/112']));
    await world.do('blue', declareDefault(true));
    const steps = await world.assigner().round();
    expect(steps).toEqual(Array.from({ length: 450 }, () => 'assign done'));
    expect(await world.store.listLbWaiting((await world.head('blue')).id, undefined, 9)).toEqual([]);
  });
});
