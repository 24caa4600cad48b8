import { parseDocument } from '@ipledger/services';
import { create, remove } from '../../libs/services/src/testing/commands.js';
import { lbPool, lbService, removeLbPool } from '../../libs/services/src/testing/lb-commands.js';
import { World } from './world.js';

describe('the condition of a Service that waits', () => {
  it('says why there is nothing anew when that has changed: another pool, none any more', async () => {
    const world = await World.of('blue');
    const reasons: string[] = [];
    const assigner = world.assigner();
    const look = async (): Promise<void> => {
      world.now = new Date(world.now.getTime() + 2_000);
      for (let i = 0; i < 2; i++) await assigner.round();
      const [document] = await world.store.documents((await world.head('blue')).id, [{ namespace: 'shop', name: 'web' }]);
      reasons.push(parseDocument(document!.document).status.conditions?.[0]?.message ?? '');
      const before = await world.store.pulse();
      world.now = new Date(world.now.getTime() + 30_000);
      await assigner.round();
      expect(await world.store.pulse()).toBe(before); // once
    };
    await world.do('blue', lbPool('own', ['198.51.100.1']));
    await world.do('blue', create(lbService('holder')));
    await world.do('blue', create(lbService('web')));
    await look();
    await world.do('blue', remove('holder'));
    await world.do('blue', removeLbPool('own'));
    await look();
    await world.do('lb-pool:edge', lbPool('edge', ['203.0.113.1'], { clusters: 'all', selector: 'a=b' }));
    await look();
    await world.do('lb-pool:edge', { ...removeLbPool('edge'), name: 'lb-pool:edge' });
    await look();
    expect(reasons).toEqual([
      'no IPv4 address: no free IPv4 address in own', 'no IPv4 address: no LB pool of the cluster has IPv4 addresses for this Service',
      'no IPv4 address: the LB pool edge has no IPv4 addresses for this Service', 'no IPv4 address: no LB pool of the cluster has IPv4 addresses for this Service',
    ]);
  });

  it('tells of an address by number what the shared pool says that has it, not one that has not', async () => {
    const world = await World.of('blue');
    for (const [name, address] of [['a', '198.51.100.1'], ['b', '203.0.113.1']] as const) await world.do(`lb-pool:${name}`, lbPool(name, [address], { clusters: 'all' }));
    const asking = (name: string, address: string) => create(lbService(name, {}, { annotations: { 'ipledger.io/load-balancer-ips': address } }));
    const messageOf = async (name: string): Promise<string | undefined> => {
      const [document] = await world.store.documents((await world.head('blue')).id, [{ namespace: 'shop', name }]);
      return parseDocument(document!.document).status.conditions?.[0]?.message;
    };
    const assigner = world.assigner();
    await world.do('blue', asking('holder', '203.0.113.1'));
    await assigner.round();
    await world.do('blue', asking('late', '203.0.113.1'));
    await world.do('blue', asking('lost', '192.0.2.1'));
    await assigner.round();
    await world.do('blue', lbPool('own', ['192.0.2.9']));
    await world.do('blue', asking('owner', '192.0.2.9'));
    await world.do('blue', asking('behind', '192.0.2.9'));
    world.now = new Date(world.now.getTime() + 2_000);
    await assigner.round();
    expect([await world.status('blue', 'behind'), await messageOf('behind')]).toEqual(['False/AddressNotAvailable', 'no IPv4 address: 192.0.2.9 is held by another Service']);
    expect([await world.status('blue', 'late'), await messageOf('late')]).toEqual(['False/AddressNotAvailable', 'no IPv4 address: 203.0.113.1 is held by another Service']);
    expect([await world.status('blue', 'lost'), await messageOf('lost')]).toEqual(['False/AddressNotAvailable', 'no IPv4 address: 192.0.2.1 is in no LB pool of the cluster']);
  });
});
