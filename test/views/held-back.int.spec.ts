import { configurePool, create, ips, register, releaseReservation, remove, removeCidr, addCidr, reserve, service } from '../../libs/services/src/testing/commands.js';
import type { Command } from '../../libs/services/src/commands.js';
import { useSets } from './fixture.js';
import { recorded } from './recorded.js';

/** Far in the future: what ends by itself must not have ended when the view is read. */
const at = (command: Command, seconds = 0): Command => ({ ...command, time: new Date(Date.UTC(2900, 0, 1) + seconds * 1000) });
const range = '10.0.0.0/24';

describe('what is held back, in the views', () => {
  const sets = useSets();
  /** What readers of the set that was made last see. */
  const query = async (name: string, columns: string): Promise<object[]> => (await sets.client.query<object>(`SELECT ${columns} FROM views.${name}`)).rows;
  const after = async (...commands: Command[]): Promise<void> => {
    const schema = await sets.make();
    await sets.apply(schema, recorded(commands.map((command, i) => at(command, i))));
    await sets.putLive(schema);
  };

  it('counts for its pool and band, each address once, and leaves less available', async () => {
    await after(
      register([range]), configurePool(range, { coolDownSeconds: 600 }), create(service('a', ips('10.0.0.9'))), create(service('b', ips('10.0.0.40'))), create(service('c', ips('10.0.0.90'))),
      reserve('range', '10.0.0.10-10.0.0.49'), reserve('one', '10.0.0.99', { until: '2901-01-01T00:00:00Z' }), reserve('over', '10.0.0.200'), releaseReservation('over'), remove('a'), remove('c'),
    );
    expect(await query('pools', 'allocated::int, reserved::int, cooling_down::int, available::int, cool_down_seconds'))
      .toEqual([{ allocated: 1, reserved: 40, cooling_down: 2, available: 254 - 1 - 40 - 2, cool_down_seconds: 600 }]);
    expect(await query('pool_bands', 'band, reserved::int, cooling_down::int, available::int')).toEqual([
      { band: 'static', reserved: 7, cooling_down: 1, available: 16 - 7 - 1 }, { band: 'dynamic', reserved: 33, cooling_down: 1, available: 238 - 1 - 33 - 1 },
    ]);
    expect(await query('reservations', 'name, host(first) AS first, host(last) AS last, addresses::int, reason, owner, until IS NULL AS for_ever')).toEqual([
      { name: 'range', first: '10.0.0.10', last: '10.0.0.49', addresses: 40, reason: 'later', owner: 'ann', for_ever: true },
      { name: 'one', first: '10.0.0.99', last: '10.0.0.99', addresses: 1, reason: 'later', owner: 'ann', for_ever: false },
    ]);
    expect(await query('cooling_addresses', 'host(address) AS address, pool, namespace, name')).toEqual([
      { address: '10.0.0.9', pool: range, namespace: 'shop', name: 'a' }, { address: '10.0.0.90', pool: range, namespace: 'shop', name: 'c' },
    ]);
  });

  it('is over when the pool has no cool-down any more, when the address is held again, and with the CIDR', async () => {
    const cooling = [register([range]), configurePool(range, { coolDownSeconds: 600 }), create(service('a', ips('10.0.0.9'))), remove('a')];
    const counted = async (...more: Command[]): Promise<unknown> => {
      await after(...cooling, ...more);
      return query('pools', 'cooling_down::int, available::int, pool');
    };
    expect(await counted()).toEqual([{ cooling_down: 1, available: 253, pool: range }]);
    expect(await counted(configurePool(range))).toEqual([{ cooling_down: 0, available: 254, pool: range }]);
    expect(await counted(create(service('a', ips('10.0.0.9'))))).toEqual([{ cooling_down: 0, available: 253, pool: range }]);
    expect(await counted(addCidr('10.1.0.0/24'), removeCidr(range))).toEqual([{ cooling_down: 0, available: 254, pool: '10.1.0.0/24' }]);
  });

  it('moves the bounds and capacities of the bands when they are set', async () => {
    await after(register([range]), create(service('a', ips('10.0.0.20'))), configurePool(range, { staticBandAddresses: 20 }));
    expect(await query('pool_bands', 'band, capacity::int, allocated::int, host(first_address) AS first, host(last_address) AS last')).toEqual([
      { band: 'static', capacity: 20, allocated: 1, first: '10.0.0.1', last: '10.0.0.20' }, { band: 'dynamic', capacity: 234, allocated: 0, first: '10.0.0.21', last: '10.0.0.254' },
    ]);
  });
});
