import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parse } from 'yaml';
import { as, TestAccessFile, tokenOf } from './access-file.js';
import { startServer, type TestServer } from './start.js';

const pemOf = (name: string): string => readFileSync(join(import.meta.dirname, 'certificates', `${name}.pem`), 'utf8');
const path = '/v1/clusters/c/kubeconfig';

interface Kubeconfig {
  clusters: { name: string; cluster: Record<string, unknown> }[];
  users: { name: string; user: object }[];
  contexts: { name: string; context: object }[];
}

describe('the kubeconfig of a cluster', () => {
  let file: TestAccessFile;
  let server: TestServer;
  beforeEach(() => (file = new TestAccessFile({ ci: { role: 'admin' } }, [{ user: 'alice', role: 'reader' }])));
  afterEach(async () => {
    await server.close();
    file.remove();
  });
  /** Over plain HTTP. */
  const get = async (headers: Record<string, string>): Promise<{ text: string; config: Kubeconfig }> => {
    const answer = await server.send('GET', path, undefined, headers);
    return { text: answer.text, config: parse(answer.text) as Kubeconfig };
  };
  const register = (headers: Record<string, string> = {}) => server.send('POST', '/v1/clusters', { name: 'c', serviceCIDRs: ['10.0.0.0/24'] }, headers);

  it('has a user anonymous without credentials where nobody is asked who he is', async () => {
    server = await startServer();
    await register();
    const { text: whole, config } = await get(as('ci'));
    expect(config).toEqual({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: `${server.url}/clusters/c`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'anonymous', user: {} }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'anonymous', namespace: 'default' } }],
    });
    expect(whole).not.toContain('#');
  });

  it('names whoever asks, marks the place of the token, and never holds the token', async () => {
    server = await startServer(undefined, {}, { accessFile: file.path });
    await register(as('ci'));
    const { text: whole, config } = await get(as('ci'));
    expect(config.users).toEqual([{ name: 'ci', user: { token: 'REPLACE_WITH_YOUR_TOKEN' } }]);
    expect(config.contexts).toEqual([{ name: 'c', context: { cluster: 'c', user: 'ci', namespace: 'default' } }]);
    expect(whole).toMatch(/^# Put your token in the place of REPLACE_WITH_YOUR_TOKEN, .*\n# kubectl sends no token to an http:\/\/ server: /);
    expect(whole).not.toContain(tokenOf('ci'));
  });

  it.each([
    ['the authority where the chain ends with it', ['server-1', 'ca'], pemOf('ca')],
    ['nothing of the file where its authority is not in it', ['server-1'], undefined],
  ])('trusts %s, and never holds the key', async (_, chain, trusted) => {
    const folder = mkdtempSync(join(tmpdir(), 'ipledger-kubeconfig-'));
    const [cert, ca] = [join(folder, 'cert.pem'), join(folder, 'ca.pem')];
    writeFileSync(cert, [...chain, 'server-1.key'].map(pemOf).join('')); // the key in the same file, as some keep it
    writeFileSync(ca, pemOf('ca'));
    server = await startServer(undefined, {}, { accessFile: file.path, tlsCertFile: cert, tlsKeyFile: cert, tlsClientCaFile: ca });
    try {
      await send('POST', '/v1/clusters', as('ci'), JSON.stringify({ name: 'c', serviceCIDRs: ['10.0.0.0/24'] }));
      const whole = await send('GET', path, as('ci'));
      expect(parse(whole)).toMatchObject({
        clusters: [{ name: 'c', cluster: { server: `${server.url}/clusters/c` } }], users: [{ name: 'ci', user: { token: 'REPLACE_WITH_YOUR_TOKEN' } }],
      });
      const data = (parse(whole) as Kubeconfig).clusters[0]?.cluster['certificate-authority-data'] as string | undefined;
      expect(data === undefined ? undefined : Buffer.from(data, 'base64').toString()).toBe(trusted);
      expect(whole).not.toContain('insecure-skip-tls-verify');
      expect(whole).toMatch(/^# Put your token .*\napiVersion/);
      const certified = await send('GET', path, {}, undefined, { cert: pemOf('alice'), key: pemOf('alice.key') });
      expect(parse(certified)).toMatchObject({ users: [{ name: 'alice', user: {} }] });
      expect(certified).toMatch(/^# Add your certificate to the user/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const send = (method: string, to: string, headers: Record<string, string>, body?: string, mine: object = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      request(`${server.url}${to}`, { method, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) }, ca: pemOf('ca'), agent: new Agent({ keepAlive: false }), ...mine }, (answer) =>
        void text(answer).then(resolve, reject)).on('error', reject).end(body);
    });
});
