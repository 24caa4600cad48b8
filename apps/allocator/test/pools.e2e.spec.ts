import { startServer, type Answer, type TestServer } from './start.js';

/** Settings of pools, drains, reservations and cool-downs, over HTTP. */
describe('pools', () => {
  let server: TestServer;
  let cluster: string;
  let serial = 0;
  beforeAll(async () => { server = await startServer(); });
  afterAll(() => server.close());
  beforeEach(async () => {
    cluster = `p${++serial}`;
    await server.register(cluster, ['10.96.0.0/24', 'fd00:10:96::/120']);
  });

  const v1 = (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> => server.send(method, `/v1/clusters/${cluster}${path}`, body, headers);
  const create = (name: string, spec: object = {}, metadata: object = {}): Promise<Answer> =>
    server.send('POST', server.services(cluster), { metadata: { name, ...metadata }, spec: { selector: { a: 'b' }, ports: [{ port: 80 }], ...spec } });
  const remove = (name: string): Promise<Answer> => server.send('DELETE', `${server.services(cluster)}/${name}`);
  const who = { reason: 'promised to payments', owner: 'network-team' };

  describe('a pool', () => {
    it('is shown in the order of use, with what is in it', async () => {
      expect((await create('web', { clusterIP: '10.96.0.9' })).status).toBe(201);
      const { items, revision } = (await v1('GET', '/cidrs')).json;
      expect(revision).toBe(await server.revision(cluster));
      expect(items).toEqual([
        { cidr: '10.96.0.0/24', family: 'IPv4', state: 'open', staticBand: { from: '10.96.0.1', to: '10.96.0.16' }, coolDownSeconds: 0, position: 0, capacity: 254, capacityExact: '254', allocated: { static: 2, dynamic: 0 }, reserved: 0, coolingDown: 0, available: 252 },
        { cidr: 'fd00:10:96::/120', family: 'IPv6', state: 'open', staticBand: { from: 'fd00:10:96::1', to: 'fd00:10:96::10' }, coolDownSeconds: 0, position: 1, capacity: 255, capacityExact: '255', allocated: { static: 0, dynamic: 0 }, reserved: 0, coolingDown: 0, available: 255 },
      ]);
    });

    it('lists its holders in pages', async () => {
      for (const [i, name] of ['a', 'b', 'c'].entries()) await create(name, { clusterIP: `10.96.0.${20 - i}` });
      const first = (await v1('GET', '/cidrs/10.96.0.0/24?limit=2')).json;
      expect(first.holders.map(({ address, name }: { address: string; name: string }) => `${address} ${name}`)).toEqual(['10.96.0.1 kubernetes', '10.96.0.18 c']);
      const second = (await v1('GET', `/cidrs/10.96.0.0/24?limit=2&continue=${first.continue}`)).json;
      expect(second.holders).toMatchObject([{ address: '10.96.0.19', namespace: 'default', name: 'b' }, { address: '10.96.0.20', name: 'a' }]);
      expect(second).not.toHaveProperty('continue');
      expect((await v1('GET', '/cidrs/fd00:10:96::/120')).json.holders).toEqual([]);
    });

    it('drains with progress, and can go when it is done', async () => {
      await v1('POST', '/cidrs', { cidr: '10.97.0.0/24' });
      for (const name of ['a', 'b']) await create(name, { clusterIP: name === 'a' ? '10.96.0.10' : '10.96.0.11' });
      await v1('POST', '/cidrs:drain', { cidr: '10.96.0.0/24' });
      expect((await create('c')).json.spec.clusterIP).toMatch(/^10\.97\./);
      await remove('a');
      const { drain, available } = (await v1('GET', '/cidrs/10.96.0.0/24')).json;
      expect({ drain, available }).toEqual({ drain: { since: expect.stringMatching(/^20.*Z$/), heldThen: 3, heldNow: 2, done: false }, available: 0 });
      expect(await v1('POST', '/cidrs:remove', { cidr: '10.96.0.0/24' })).toMatchObject({ status: 409, json: { code: 'cidr_in_use', held: 2 } });
      for (const name of ['b', 'kubernetes']) await remove(name);
      expect((await v1('GET', '/cidrs/10.96.0.0/24')).json.drain).toMatchObject({ heldThen: 3, heldNow: 0, done: true });
      expect(await v1('POST', '/cidrs:remove', { cidr: '10.96.0.0/24' })).toMatchObject({ status: 200, json: { serviceCIDRs: ['fd00:10:96::/120', '10.97.0.0/24'] } });
    });

    it('has a static band of its own, which a static request may still take from above', async () => {
      const set = await v1('PUT', '/cidrs/10.96.0.0/24', { staticBandAddresses: 253 });
      expect(set).toMatchObject({ status: 200, json: { cidr: '10.96.0.0/24', staticBand: { from: '10.96.0.1', to: '10.96.0.253' } } });
      expect((await server.send('GET', `/v1/clusters/${cluster}`)).json.pools[0].staticBand.to).toBe('10.96.0.253');
      expect((await create('one')).json.spec.clusterIP).toBe('10.96.0.254');
      expect((await create('two')).json.spec.clusterIP).not.toBe('10.96.0.254');
      expect((await v1('PUT', '/cidrs/10.96.0.0/24', {})).json.staticBand.to).toBe('10.96.0.16');
    });

    it.each<[string, string, object, number, string]>([
      ['a band larger than the pool', '/cidrs/10.96.0.0/24', { staticBandAddresses: 255 }, 422, 'cluster_invalid'],
      ['half an address', '/cidrs/10.96.0.0/24', { staticBandAddresses: 1.5 }, 400, 'invalid_request'],
      ['a cool-down of a month', '/cidrs/10.96.0.0/24', { coolDownSeconds: 2_592_000 }, 400, 'invalid_request'],
      ['a pool that is not there', '/cidrs/10.99.0.0/24', { coolDownSeconds: 1 }, 404, 'cidr_not_found'],
      ['what is no CIDR', '/cidrs/10.96.0.1/24', { coolDownSeconds: 1 }, 422, 'cluster_invalid'],
    ])('refuses %s', async (_, path, body, status, code) => {
      const before = await server.revision(cluster);
      expect(await v1('PUT', path, body)).toMatchObject({ status, json: { code } });
      expect(await server.revision(cluster)).toBe(before);
    });
  });

  describe('a cool-down', () => {
    beforeEach(async () => {
      await v1('PUT', '/cidrs/10.96.0.0/24', { coolDownSeconds: 600 });
      await create('web', { clusterIP: '10.96.0.9' });
      await remove('web');
    });

    it('keeps a released address from others, but not from the name that had it, nor from who breaks it', async () => {
      const refused = await create('db', { clusterIP: '10.96.0.9' });
      expect(refused).toMatchObject({ status: 422, json: { message: expect.stringMatching(/provided IP cools down until .* after default\/web released it/) } });
      expect((await v1('GET', '/cidrs/10.96.0.0/24')).json).toMatchObject({ coolingDown: 1, available: 252 });
      expect((await v1('GET', '/addresses/10.96.0.9')).json).toMatchObject({ holder: null, coolDown: { until: expect.stringMatching(/^20.*Z$/), namespace: 'default', name: 'web' } });
      expect((await v1('GET', '/addresses/10.96.0.10')).json).not.toHaveProperty('coolDown');
      expect((await create('web', { clusterIP: '10.96.0.9' })).status).toBe(201);
      await remove('web');
      expect((await create('db', { clusterIP: '10.96.0.9' }, { annotations: { 'ipledger/break-cool-down': 'true' } })).status).toBe(201);
      expect((await v1('GET', '/cidrs/10.96.0.0/24')).json).toMatchObject({ coolingDown: 0 });
    });

    it('is shown no longer when the pool has none', async () => {
      await v1('PUT', '/cidrs/10.96.0.0/24', {});
      expect((await v1('GET', '/addresses/10.96.0.9')).json).not.toHaveProperty('coolDown');
    });

    it('is in the metrics', async () => {
      const { text } = await server.send('GET', '/metrics');
      expect(text).toContain(`ipledger_pool_reserved_addresses{cluster="${cluster}",pool="10.96.0.0/24",family="IPv4",reason="cool-down"} 1`);
      expect(text).toContain(`ipledger_pool_available_addresses{cluster="${cluster}",pool="10.96.0.0/24",family="IPv4",band="static"} 14`);
    });
  });

  describe('a reservation', () => {
    it('is made, found, listed, and released', async () => {
      const made = await v1('POST', '/reservations', { name: 'move', addresses: '10.96.0.32/28', ...who });
      expect(made).toMatchObject({ status: 201, json: { name: 'move', family: 'IPv4', cidr: '10.96.0.0/24', first: '10.96.0.32', last: '10.96.0.47', until: null, ...who } });
      expect(made.headers.get('location')).toBe(`/v1/clusters/${cluster}/reservations/move`);
      expect((await v1('GET', '/reservations/move')).json).toEqual(made.json);
      expect((await v1('GET', '/reservations')).json).toEqual({ items: [made.json] });
      expect((await v1('GET', '/addresses/10.96.0.47')).json).toMatchObject({ holder: null, reservation: made.json });
      expect((await v1('GET', '/addresses/10.96.0.48')).json).not.toHaveProperty('reservation');
      expect((await v1('GET', '/cidrs/10.96.0.0/24')).json).toMatchObject({ reserved: 16, available: 237 });
      expect((await v1('DELETE', '/reservations/move')).status).toBe(200);
      expect(await v1('GET', '/reservations/move')).toMatchObject({ status: 404, json: { code: 'reservation_not_found' } });
      expect((await v1('GET', '/cidrs/10.96.0.0/24')).json).toMatchObject({ reserved: 0, available: 253 });
    });

    it('is listed in pages', async () => {
      for (const name of ['a', 'b', 'c']) await v1('POST', '/reservations', { name, family: 'IPv6', ...who });
      const first = (await v1('GET', '/reservations?limit=2')).json;
      expect(first).toMatchObject({ items: [{ name: 'a' }, { name: 'b' }], continue: 'b' });
      expect((await v1('GET', `/reservations?limit=2&continue=${first.continue}`)).json).toMatchObject({ items: [{ name: 'c' }] });
    });

    it('holds any free address for a while, which one Service then gets', async () => {
      const { json: held } = await v1('POST', '/reservations', { family: 'IPv4', seconds: 600, ...who });
      expect(Date.parse(held.until)).toBeGreaterThan(Date.now() + 590_000);
      expect(await create('thief', { clusterIP: held.first })).toMatchObject({ status: 422, json: { message: expect.stringContaining('provided IP is reserved') } });
      const service = { metadata: { name: 'web' }, spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }] } };
      const confirmed = await v1('POST', `/reservations/${held.name}/confirm`, { namespace: 'shop', service });
      expect(confirmed, confirmed.text).toMatchObject({ status: 201, json: { kind: 'Service', metadata: { namespace: 'shop', name: 'web' }, spec: { clusterIPs: [held.first, expect.stringMatching(/^fd00/)] } } });
      expect(await v1('POST', `/reservations/${held.name}/confirm`, { namespace: 'shop', service })).toMatchObject({ status: 404, json: { code: 'reservation_not_found' } });
      const { items } = (await v1('GET', '/events?limit=1000')).json;
      expect(items.map(({ type }: { type: string }) => type).slice(-5)).toEqual(['reservation.made', 'reservation.released', 'ip.allocated', 'ip.allocated', 'service.created']);
    });

    it('ends by itself', async () => {
      const now = Date.now();
      const { json: held } = await v1('POST', '/reservations', { name: 'short', addresses: '10.96.0.9', until: new Date(now + 600_000).toISOString(), ...who });
      vi.useFakeTimers({ now: now + 601_000, toFake: ['Date'] });
      try {
        expect(await v1('GET', '/reservations/short')).toMatchObject({ status: 404 });
        expect((await v1('GET', '/reservations')).json).toEqual({ items: [] });
        expect((await create('web', { clusterIP: held.first })).status).toBe(201);
        expect((await v1('POST', '/reservations', { name: 'short', addresses: '10.96.0.10', ...who })).status).toBe(201);
      } finally {
        vi.useRealTimers();
      }
    });

    it('is answered again to a retry with the same key', async () => {
      const body = { family: 'IPv4', ...who };
      const [first, second] = [await v1('POST', '/reservations', body, { 'idempotency-key': 'k' }), await v1('POST', '/reservations', body, { 'idempotency-key': 'k' })];
      expect(second.json).toMatchObject({ name: first.json.name, first: first.json.first });
      expect(second.headers.get('idempotency-replayed')).toBe('true');
      expect((await v1('GET', '/reservations')).json.items).toHaveLength(1);
    });

    it('tries without making anything', async () => {
      const before = await server.revision(cluster);
      expect(await v1('POST', '/reservations?dryRun=All', { name: 'x', family: 'IPv4', ...who })).toMatchObject({ status: 201, json: { name: 'x' } });
      expect(await server.revision(cluster)).toBe(before);
    });

    it.each<[string, string, string, object, number, string, RegExp]>([
      ['without an owner', 'POST', '/reservations', { addresses: '10.96.0.9', reason: 'x' }, 400, 'invalid_request', /owner/],
      ['without addresses', 'POST', '/reservations', who, 400, 'invalid_request', /addresses: null is needed/],
      ['with both', 'POST', '/reservations', { addresses: '10.96.0.9', family: 'IPv4', ...who }, 400, 'invalid_request', /goes without addresses/],
      ['with two ends in time', 'POST', '/reservations', { addresses: '10.96.0.9', until: '2099-01-01T00:00:00Z', seconds: 5, ...who }, 400, 'invalid_request', /goes without until/],
      ['of no address', 'POST', '/reservations', { addresses: 'ten', ...who }, 422, 'cluster_invalid', /is no address and no range/],
      ['of a held address', 'POST', '/reservations', { addresses: '10.96.0.1', ...who }, 409, 'address_held', /is held by default\/kubernetes/],
      ['confirmed into what is no Service', 'POST', '/reservations/there/confirm', { namespace: 'shop', service: { spec: { prots: [] } } }, 400, 'invalid_request', /unknown field "spec\.prots"/],
      ['confirmed into a Service that is refused', 'POST', '/reservations/there/confirm', { namespace: 'shop', service: { metadata: { name: 'No' }, spec: { ports: [{ port: 80 }] } } }, 422, 'service_refused', /metadata\.name: Invalid value/],
      ['confirmed into a headless Service', 'POST', '/reservations/there/confirm', { namespace: 'shop', service: { metadata: { name: 'a' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } } }, 422, 'reservation_unused', /leave spec\.clusterIP/],
    ])('%s is refused', async (_, method, path, body, status, code, detail) => {
      await v1('POST', '/reservations', { name: 'there', addresses: '10.96.0.200', ...who });
      const before = await server.revision(cluster);
      const answer = await v1(method, path, body);
      expect(answer, answer.text).toMatchObject({ status, json: { code, detail: expect.stringMatching(detail) } });
      expect(await server.revision(cluster)).toBe(before);
    });
  });
});
