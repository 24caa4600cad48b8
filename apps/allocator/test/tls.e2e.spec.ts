import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { as, TestAccessFile } from './access-file.js';
import { startServer, type TestServer } from './start.js';

const pem = (name: string): string => join(import.meta.dirname, 'certificates', `${name}.pem`);
const readPem = (name: string): Buffer => readFileSync(pem(name));

describe('TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ipledger-tls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const use = (name: string): void => {
    copyFileSync(pem(name), cert);
    copyFileSync(pem(`${name}.key`), key);
  };
  let file: TestAccessFile;
  let server: TestServer;
  beforeAll(async () => {
    use('server-1');
    file = new TestAccessFile({ reader: { role: 'reader' } }, [{ user: 'alice', role: 'reader' }, { group: 'ops', role: 'admin', clusters: ['c'] }]);
    server = await startServer(undefined, {}, { accessFile: file.path, tlsCertFile: cert, tlsKeyFile: key, tlsClientCaFile: pem('ca') });
  });
  afterAll(async () => {
    await server.close();
    file.remove();
    rmSync(folder, { recursive: true });
  });

  /** @param client whose certificate is shown */
  const get = (path: string, client?: string, options: RequestOptions = {}): Promise<{ status: number; body: string; servedAs: string }> =>
    new Promise((resolve, reject) => {
      const mine = client === undefined ? {} : { cert: readPem(client), key: readPem(`${client}.key`) };
      request(`${server.url}${path}`, { ca: readPem('ca'), agent: new Agent({ keepAlive: false }), ...mine, ...options }, (answer) => {
        const servedAs = String((answer.socket as TLSSocket).getPeerCertificate().subject.CN);
        text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body, servedAs }), reject);
      }).on('error', reject).end();
    });

  it('takes the common name of a client certificate for the user, its organizations for the groups', async () => {
    expect((await get('/v1/clusters', 'alice')).status).toBe(200);
    expect(JSON.parse((await get('/v1/clusters/c', 'alice', { method: 'DELETE' })).body)).toMatchObject({ code: 'cluster_not_found' });
    expect(JSON.parse((await get('/v1/clusters/other', 'alice', { method: 'DELETE' })).body)).toMatchObject({ code: 'forbidden', detail: 'User "alice" cannot delete path "/v1/clusters/other"' });
  });

  it('takes no certificate of another authority, whatever it says', async () => expect((await get('/v1/clusters', 'stranger')).status).toBe(401));

  it('lets a client without certificate in as far as its token goes', async () => {
    expect((await get('/v1/clusters')).status).toBe(401);
    expect((await get('/v1/clusters', undefined, { headers: as('reader') })).status).toBe(200);
    expect((await get('/livez')).body).toBe('ok\n');
  });

  it('shows a new certificate as soon as there is one, and no pair that does not fit', async () => {
    expect((await get('/livez')).servedAs).toBe('server-1');
    copyFileSync(pem('server-2'), cert);
    server.access?.reload();
    expect((await get('/livez')).servedAs).toBe('server-1');
    const shown = async (): Promise<string | undefined> => /^ipledger_reload_failed\{file="tls"\} (\d)$/m.exec((await get('/metrics', undefined, { headers: as('reader') })).body)?.[1];
    expect(await shown()).toBe('1');
    use('server-2');
    server.access?.reload();
    expect(await shown()).toBe('0');
    expect((await get('/livez')).servedAs).toBe('server-2');
  });

  it('speaks no TLS older than 1.2', async () =>
    expect(get('/livez', undefined, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow(/protocol version|alert/));
});
