import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { as, TestAccessFile, tokenOf } from '../../apps/allocator/test/access-file.js';
import { startServer, type TestServer } from '../../apps/allocator/test/start.js';
import { kubectls } from './kubectls.js';

const run = promisify(execFile);
const certificates = join(import.meta.dirname, '../../apps/allocator/test/certificates');
const found = kubectls();

/** The commands of docs/kubectl.md for a service with TLS and tokens, as they stand there but for the address. */
describe('docs/kubectl.md over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ipledger-docs-'));
  const block = /ask for the kubeconfig with your token.*\n\n((?: {4}.*\n)+)/.exec(readFileSync(join(import.meta.dirname, '../../docs/kubectl.md'), 'utf8'))?.[1] ?? '';
  let file: TestAccessFile;
  let server: TestServer;
  beforeAll(async () => {
    file = new TestAccessFile({ ops: { role: 'admin' } });
    // The authority stands behind the certificate, so that the kubeconfig can name it.
    writeFileSync(join(folder, 'chain.pem'), ['server-1', 'ca'].map((name) => readFileSync(join(certificates, `${name}.pem`), 'utf8')).join(''));
    copyFileSync(join(certificates, 'ca.pem'), join(folder, 'ca.pem'));
    server = await startServer(undefined, {}, { accessFile: file.path, tlsCertFile: join(folder, 'chain.pem'), tlsKeyFile: join(certificates, 'server-1.key.pem') });
  });
  afterAll(async () => {
    await server.close();
    file.remove();
    rmSync(folder, { recursive: true });
  });

  it.skipIf(found.length === 0).each(found)('kubectl 1.$minor signs in with the kubeconfig that it asked for', { timeout: 120_000 }, async ({ path }) => {
    const shell = (commands: string) => run('sh', ['-ec', `kubectl() { "$KUBECTL" "$@"; }\n${commands}`], { cwd: folder, env: { ...process.env, HOME: folder, KUBECTL: path, TOKEN: tokenOf('ops') } });
    await shell(`curl -sf --cacert ca.pem -H 'authorization: ${as('ops')['authorization']}' -H 'content-type: application/json' -d '{"name":"default","serviceCIDRs":["10.96.0.0/16"]}' ${server.url}/v1/clusters || true`);
    expect(block).toContain('https://ipledger.example:8080');
    const { stdout } = await shell(block.replaceAll('https://ipledger.example:8080', server.url));
    expect(stdout).toMatch(/^NAME +TYPE +CLUSTER-IP.*\nkubernetes +ClusterIP +10\.96\.0\.1 /);
    const kubeconfig = readFileSync(join(folder, 'ipledger.kubeconfig'), 'utf8');
    expect(kubeconfig).toContain('name: ops');
    expect(kubeconfig).toContain(Buffer.from(readFileSync(join(certificates, 'ca.pem'))).toString('base64').slice(0, 60));
  });
});
