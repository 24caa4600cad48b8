import { InMemoryEventStore } from '@ipledger/event-store';
import { startServer, type Answer, type TestServer } from './start.js';

const cluster = '/v1/clusters/c/services:batch';
const dual = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }], ...spec } });
const invalidService = { metadata: { name: 'Bad_Name' }, spec: { ports: [{ port: 80 }] } };

/** As a database is: what is asked for comes some turns of the event loop later. */
class SlowToName extends InMemoryEventStore {
  override async clustersBeginning(prefix: string): ReturnType<InMemoryEventStore['clustersBeginning']> {
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    return super.clustersBeginning(prefix);
  }
}

describe('a batch whose patches wait to know the shared LB pools, as in a new process and after each change of them', () => {
  const items = ['a', 'b'].flatMap((name) => [
    { create: dual(name) }, { patch: { name, contentType: 'application/merge-patch+json', body: { metadata: { labels: { a: 'b' } } } } }, { delete: { name } }, { create: dual(name) }, { delete: { name } },
  ]);
  const lines = items.map((item) => `${JSON.stringify(item)}\n`).join('');
  it.each<[string, unknown, Record<string, string>]>([['in one document', { items }, {}], ['in lines', lines, { 'content-type': 'application/x-ndjson' }]])('%s is decided in its order', async (_, body, headers) => {
    const server = await startServer(new SlowToName());
    await server.register('c', ['10.96.0.0/24', 'fd00::/120']);
    const codes = async (): Promise<number[]> => [...(await server.send('POST', cluster, body, headers)).text.matchAll(/"status":(\d+)/g)].map(([, code]) => Number(code));
    const inOrder = [201, 200, 200, 201, 200, 201, 200, 200, 201, 200];
    expect(await codes()).toEqual(inOrder);
    expect((await server.send('POST', '/v1/lb-pools', { name: 'wide', clusters: ['c'], addresses: ['203.0.113.0/30'] })).status).toBe(201);
    expect(await codes()).toEqual(inOrder);
    await server.close();
  });
});

describe('POST /v1/clusters/{c}/services:batch', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/24', 'fd00::/120']);
  });
  afterEach(() => server.close());

  const batch = (items: unknown, more: object = {}, query = '', headers: Record<string, string> = {}): Promise<Answer> =>
    server.send('POST', cluster + query, { items, ...more }, headers);
  const codes = ({ json }: Answer): number[] => (json.items as { status: number }[]).map(({ status }) => status);
  const get = (name: string): Promise<Answer> => server.send('GET', `${server.services('c')}/${name}`);

  it('creates, replaces, patches and deletes, and answers each item in order with what a request of its own would answer', async () => {
    await server.send('POST', server.services('c'), dual('old'));
    await server.send('POST', server.services('c'), dual('gone'));
    const old = (await get('old')).json;
    const answer = await batch([
      { create: dual('new') },
      { replace: { ...old, metadata: { ...old.metadata, labels: { a: 'b' } } } },
      { patch: { namespace: 'default', name: 'new', contentType: 'application/merge-patch+json', body: { spec: { ipFamilyPolicy: 'SingleStack' } } } },
      { patch: { namespace: 'default', name: 'new', contentType: 'application/json-patch+json', body: [{ op: 'add', path: '/metadata/labels', value: { x: 'y' } }] } },
      { delete: { namespace: 'default', name: 'gone' } },
      { delete: { namespace: 'default', name: 'never' } },
    ]);
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual([201, 200, 200, 200, 200, 404]);
    const [created, replaced, , patched, , missing] = answer.json.items;
    expect(created.object).toMatchObject({ kind: 'Service', metadata: { name: 'new', namespace: 'default' } });
    expect(created.object.spec.clusterIPs).toHaveLength(2);
    expect(replaced.object.metadata.labels).toEqual({ a: 'b' });
    expect(patched.object).toEqual((await get('new')).json);
    expect(missing.error).toMatchObject({ kind: 'Status', code: 404, reason: 'NotFound', message: 'services "never" not found' });
    expect((await get('gone')).status).toBe(404);
  });

  it.each<[string, unknown, number, string]>([
    ['a Service that breaks rules', { create: invalidService }, 422, 'Service "Bad_Name" is invalid'],
    ['no kind of item', {}, 400, 'this one has nothing'],
    ['an unknown kind', { update: dual('x') }, 400, 'this one has update'],
    ['two kinds', { create: dual('x'), delete: { name: 'x' } }, 400, 'this one has create, delete'],
    ['no object', 7, 400, 'an item is an object'],
    ['a Service of the wrong type', { create: { spec: { ports: 'x' } } }, 400, 'spec.ports: found the string "x"'],
    ['a replacement without name', { replace: { spec: {} } }, 400, 'name must be provided'],
    ['a patch without name', { patch: { contentType: 'application/merge-patch+json', body: {} } }, 400, 'patch.name'],
    ['a patch of another type', { patch: { name: 'a', contentType: 'constructor', body: {} } }, 415, 'patch.contentType: "constructor"'],
    ['a patch with an unknown member', { patch: { name: 'a', typo: 1 } }, 400, 'patch.typo: is not known'],
    ['a precondition that does not hold', { delete: { name: 'a', preconditions: { uid: 'x' } } }, 409, 'in the precondition (x) does not match'],
    ['a malformed precondition', { delete: { name: 'a', preconditions: 7 } }, 400, 'preconditions'],
  ])('answers %s by itself, and its neighbours are done', async (_, bad, code, message) => {
    const answer = await batch([{ create: dual('a') }, bad, { create: dual('b') }]);
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual([201, code, 201]);
    expect(answer.json.items[1].error).toMatchObject({ kind: 'Status', status: 'Failure', code });
    expect(answer.json.items[1].error.message).toContain(message);
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '{"items": [', 'the body is not JSON'],
    ['no list', { items: 7 }, 'items'],
    ['no items', { items: [] }, '1 to 1000'],
    ['too many items', { items: Array(1001).fill({}) }, '1001 of them'],
    ['an unknown member', { items: [{}], atomik: true }, 'atomik'],
    ['atomic of another type', { items: [{}], atomic: 'yes' }, 'atomic'],
    ['a member that stands twice', '{"items":[{}],"items":[{}]}', 'the body names items twice'],
  ])('refuses an envelope with %s, and nothing changes', async (_, body, detail) => {
    const before = await server.revision('c');
    const answer = await server.send('POST', cluster, body);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: 'invalid_request' });
    expect(answer.json.detail).toContain(detail);
    expect(await server.revision('c')).toBe(before);
  });

  it('refuses an unknown cluster, another content type and wrong options as a whole', async () => {
    expect((await server.send('POST', '/v1/clusters/none/services:batch', { items: [{}] })).json).toMatchObject({ status: 404, code: 'cluster_not_found' });
    expect((await server.send('POST', cluster, '{}', { 'content-type': 'text/plain' })).json).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect((await batch([{ create: dual('a') }], {}, '?dryRun=Some')).json).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await get('a')).status).toBe(404);
  });

  it('warns of unknown and repeated fields inside an item, or refuses that item when asked to', async () => {
    const body = `{"items":[{"create":{"metadata":{"name":"a"},"spec":{"typo":1,"ports":[{"port":80,"port":81}]}}}]}`;
    expect((await server.send('POST', `${cluster}?fieldValidation=Strict`, body)).json.items[0].error.message).toContain('strict decoding error: unknown field "spec.typo", duplicate field "spec.ports[0].port"');
    expect((await server.send('POST', cluster, body)).json.items[0]).toMatchObject({ status: 201, warnings: ['unknown field "spec.typo"', 'duplicate field "spec.ports[0].port"'] });
  });

  it('changes nothing in a dry run', async () => {
    const before = await server.revision('c');
    const answer = await batch([{ create: dual('a') }, { create: dual('b', { clusterIP: '10.96.0.1' }) }], {}, '?dryRun=All');
    expect(codes(answer)).toEqual([201, 422]);
    expect(await server.revision('c')).toBe(before);
    expect((await get('a')).status).toBe(404);
  });

  describe('atomic', () => {
    it('does all items, one after the other, in one append', async () => {
      const before = await server.revision('c');
      const answer = await batch([
        { create: dual('a', { clusterIP: '10.96.0.9' }) },
        { patch: { name: 'a', contentType: 'application/merge-patch+json', body: { metadata: { labels: { x: 'y' } } } } },
        { delete: { name: 'a' } },
        { create: dual('b', { clusterIP: '10.96.0.9' }) },
      ], { atomic: true });
      expect(codes(answer)).toEqual([201, 200, 200, 201]);
      expect((await get('b')).json.spec.clusterIP).toBe('10.96.0.9');
      expect((await get('a')).status).toBe(404);
      expect(await server.revision('c')).toBe(before + 3 + 1 + 3 + 3);
    });

    it.each<[string, unknown, number]>([
      ['a taken address', { create: dual('x', { clusterIP: '10.96.0.1' }) }, 422],
      ['an item that cannot be read', { create: 7 }, 400],
      ['a Service that is not there', { delete: { name: 'never' } }, 404],
    ])('does nothing when one is not accepted: %s', async (_, bad, code) => {
      await server.send('POST', server.services('c'), dual('old'));
      const before = await server.revision('c');
      const answer = await batch([{ create: dual('a') }, { delete: { name: 'old' } }, bad, { create: dual('b') }], { atomic: true });
      expect(answer.status).toBe(200);
      expect(codes(answer)).toEqual([424, 424, code, 424]);
      expect(answer.json.items[0].error).toMatchObject({ kind: 'Status', reason: 'FailedDependency', message: 'not done, since item 2 of this atomic batch was not accepted' });
      expect(await server.revision('c')).toBe(before);
      expect((await get('old')).status).toBe(200);
      for (const name of ['a', 'b']) expect((await get(name)).status).toBe(404);
      // What was taken for a moment is free again: the pool still has all but what old and kubernetes hold.
      const rest = await batch(Array.from({ length: 260 }, (_unused, i) => ({ create: dual(`s${i}`) })));
      expect(codes(rest).filter((status) => status === 201)).toHaveLength(252);
    });
  });

  describe('under an Idempotency-Key', () => {
    const items = [{ create: dual('a') }, { create: dual('b', { clusterIP: '10.96.0.1' }) }, { create: dual('c') }];

    it.each([true, false])('answers the accepted items of a retry again and changes nothing (atomic: %s)', async (atomic) => {
      const sent = atomic ? [items[0], items[2]] : items;
      const first = await batch(sent, { atomic }, '', { 'idempotency-key': 'k' });
      const before = await server.revision('c');
      const again = await batch(sent, { atomic }, '', { 'idempotency-key': 'k' });
      expect(codes(again)).toEqual(codes(first));
      for (const [i, { status, object }] of (first.json.items as { status: number; object: object }[]).entries())
        if (status === 201) expect(again.json.items[i]).toEqual({ status, replayed: true, object });
      expect(await server.revision('c')).toBe(before);
    });

    it('refuses other content', async () => {
      await batch(items, {}, '', { 'idempotency-key': 'k' });
      const before = await server.revision('c');
      const other = await batch([{ create: dual('d') }], {}, '', { 'idempotency-key': 'k' });
      expect(codes(other)).toEqual([422]);
      expect(other.json.items[0].error.message).toContain('the Idempotency-Key "k" was used for a request with other content');
      expect(await server.revision('c')).toBe(before);
    });
  });
});
