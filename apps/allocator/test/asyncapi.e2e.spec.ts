import { eventSchemas } from '@ipledger/services';
import { parse } from 'yaml';
import { startServer, type TestServer } from './start.js';

let server: TestServer;
beforeAll(async () => { server = await startServer(); });
afterAll(() => server.close());

describe('the description of the topics', () => {
  it('is served, and every schema that it refers to', async () => {
    const { status, headers, text } = await server.send('GET', '/asyncapi.yaml');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/yaml; charset=utf-8']);
    const { components: { messages } } = parse(text) as { components: { messages: Record<string, { payload: { $ref: string } }> } };
    const references = Object.values(messages).map(({ payload }) => payload.$ref).filter((reference) => reference?.startsWith('./schemas/'));
    expect(references).toHaveLength(Object.keys(eventSchemas).length);
    for (const reference of references) {
      const schema = await server.send('GET', `/${reference}`);
      expect([schema.status, (schema.json as { title: string }).title]).toEqual([200, reference.replace('./schemas/', '').replace('.schema.json', '')]);
    }
  });

  it.each(['/schemas/ip.lent.v1.schema.json', '/schemas/ip.allocated.v1'])('has no %s', async (path) => {
    expect(await server.send('GET', path)).toMatchObject({ status: 404, json: { code: 'not_found' } });
  });
});
