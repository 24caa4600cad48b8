import { createHash } from 'node:crypto';
import { documented } from '../src/query-parameters.js';
import { TestAccessFile } from './access-file.js';
import { startServer } from './start.js';

describe('pages', () => {
  it('run and load nothing that is not theirs, and are framed by nobody', async () => {
    const server = await startServer();
    const { headers, text } = await server.send('GET', '/docs');
    const style = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? '';
    expect(text).not.toMatch(/<script|style="|onclick/);
    expect(headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'self' 'sha256-${createHash('sha256').update(style).digest('base64')}'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`);
    expect(Object.fromEntries(['x-frame-options', 'referrer-policy', 'cross-origin-opener-policy', 'x-content-type-options'].map((name) => [name, headers.get(name)])))
      .toEqual({ 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin', 'x-content-type-options': 'nosniff' });
    for (const path of ['/v1/clusters', '/nothing', '/clusters/c/api/v1/services']) expect((await server.send('GET', path)).headers.get('x-content-type-options')).toBe('nosniff');
    await server.close();
  });

  it('describe every route of /v1 there is, and no other', async () => {
    const server = await startServer();
    const { paths } = (await server.send('GET', '/openapi.json')).json as { paths: Record<string, Record<string, { parameters?: object[] }>> };
    const described = Object.entries(paths).flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace('artifacts/{name}', 'artifacts/*')}`));
    const served = server.routes.map(({ method, path }) => `${method} ${documented(path)}`);
    expect(described.filter((route) => / \/v1/.test(route)).sort()).toEqual(served.filter((route) => / \/v1/.test(route)).sort());
    expect(served).toEqual(expect.arrayContaining(described));
    await server.close();
  });

  it('name each parameter of a path', async () => {
    const server = await startServer();
    const { json } = await server.send('GET', '/openapi.json');
    const unnamed = Object.entries<Record<string, { parameters?: { $ref?: string; in?: string; name?: string }[] }>>(json.paths).flatMap(([path, operations]) =>
      Object.entries(operations).filter(([, { parameters = [] }]) => {
        const names = parameters.map((one) => (one.$ref === undefined ? one : json.components.parameters[one.$ref.split('/').at(-1) ?? ''])).filter((one) => one.in === 'path').map(({ name }) => `{${name}}`);
        return JSON.stringify(names.sort()) !== JSON.stringify([...path.matchAll(/\{\w+\}/g)].map(([name]) => name).sort());
      }).map(([method]) => `${method} ${path}`));
    expect(unnamed).toEqual([]);
    await server.close();
  });

  it('learn without signing in how to sign in, and nothing more', async () => {
    const file = new TestAccessFile({ a: { role: 'reader' } });
    const open = await startServer();
    const tokens = await startServer(undefined, {}, { accessFile: file.path });
    const oidc = await startServer(undefined, {}, { accessFile: file.path, oidcIssuer: 'https://login.example', oidcAudience: 'ipledger' });
    const signIn = await Promise.all([open, tokens, oidc].map(async (server) => (await server.send('GET', '/sign-in.json')).json as object));
    expect(signIn).toEqual([
      { required: false, oidc: null }, { required: true, oidc: null }, { required: true, oidc: { issuer: 'https://login.example', clientId: 'ipledger' } },
    ]);
    for (const server of [open, tokens, oidc]) await server.close();
    file.remove();
  });
});
