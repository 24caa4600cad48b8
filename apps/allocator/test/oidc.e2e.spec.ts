import { IdentityProvider } from '@ipledger/testing';
import { TestAccessFile } from './access-file.js';
import { startServer, type TestServer } from './start.js';

describe('JWTs of an OpenID Connect issuer', () => {
  let provider: IdentityProvider;
  let file: TestAccessFile;
  let server: TestServer;
  beforeEach(async () => {
    provider = await IdentityProvider.start();
    file = new TestAccessFile({ ops: {} }, [{ group: 'oidc:ops', role: 'admin' }, { user: 'oidc:bob', role: 'reader' }, { user: 'ops', role: 'admin' }, { group: 'ops', role: 'admin' }]);
    server = await startServer(undefined, {}, { accessFile: file.path, oidcIssuer: provider.issuer, oidcAudience: 'ipledger' });
  });
  afterEach(async () => {
    await server.close();
    await provider.stop();
    file.remove();
  });
  const statusOf = async (token: string): Promise<number> => (await server.send('GET', '/metrics', undefined, { authorization: `Bearer ${token}` })).status;

  it('gives users and groups what is bound to them under the prefix, and records them so', async () => {
    const register = await server.send('POST', '/v1/clusters', { name: 'c', serviceCIDRs: ['10.96.0.0/16'] }, { authorization: `Bearer ${await provider.token()}` });
    expect(register.status).toBe(201);
    const bob = { authorization: `Bearer ${await provider.token({ sub: 'bob', groups: 'others' })}` };
    const { items } = (await server.send('GET', '/v1/clusters/c/events', undefined, bob)).json as { items: { command: { actor: string } }[] };
    expect(items[0]?.command.actor).toBe('oidc:alice');
    expect((await server.send('DELETE', '/v1/clusters/c', undefined, bob)).json).toMatchObject({ code: 'forbidden', detail: 'User "oidc:bob" cannot delete path "/v1/clusters/c"' });
  });

  it('does not let a user from outside take a name of this side', async () =>
    expect(await statusOf(await provider.token({ sub: 'ops', groups: [] }))).toBe(403));

  it('asks for the keys once for many tokens, and refuses one for another audience', async () => {
    const token = await provider.token();
    expect(await Promise.all(Array.from({ length: 20 }, () => statusOf(token)))).toEqual(Array(20).fill(200));
    expect(await statusOf(await provider.token({}, { audience: 'elsewhere' }))).toBe(401);
    expect(provider.asked).toBe(1);
  });

  it('answers 503 while the issuer cannot be asked: the token may be good', async () => {
    provider.isDown = true;
    const answer = await server.send('GET', '/metrics', undefined, { authorization: `Bearer ${await provider.token()}` });
    expect([answer.status, answer.headers.get('retry-after'), answer.json.code]).toEqual([503, '5', 'unavailable']);
    provider.isDown = false;
    expect(await statusOf(await provider.token())).toBe(200);
  });
});
