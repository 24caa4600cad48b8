import { createHash } from 'node:crypto';
import { AccessRules, BadAccessFile } from './access-file.js';

const sha256 = (token: string): Buffer => createHash('sha256').update(token).digest();
const hex = (token: string): string => sha256(token).toString('hex');
const file = `
tokens:
  - name: ci
    sha256: ${hex('secret')}
    role: allocator
    clusters: [prod]
    namespaces: [a, team-*]
  - { name: brief, sha256: ${hex('short')}, expires: 2026-01-01T00:00:00Z, role: reader }
  - { name: bare, sha256: ${hex('bare')} }
bindings:
  - { user: bare, role: reader, clusters: [prod] }
  - { group: oidc:ops, role: admin }
  - { group: system:authenticated, role: reader, clusters: [public] }
`;
const expiryMs = Date.parse('2026-01-01T00:00:00Z');
const everybody = { role: 'reader', clusters: ['public'], namespaces: null };

describe('an access file', () => {
  const rules = AccessRules.parse(file);

  it('knows a token by its hash, with its own role and what the bindings give', () => {
    expect(rules.identify(sha256('secret'), 0)).toEqual({
      user: 'ci', actor: 'ci', groups: ['system:authenticated'], grants: [{ role: 'allocator', clusters: ['prod'], namespaces: ['a', 'team-*'] }, everybody],
    });
    expect(rules.identify(sha256('bare'), 0)).toMatchObject({ user: 'bare', grants: [{ role: 'reader', clusters: ['prod'], namespaces: null }, everybody] });
  });

  it('knows no other token, not even the hash itself', () => {
    for (const token of ['', 'Secret', 'secret ', hex('secret')]) expect(rules.identify(sha256(token), 0)).toBe('unknown');
  });

  it('refuses a token from the instant on at which it expires', () => {
    expect(rules.identify(sha256('short'), expiryMs - 1)).toMatchObject({ user: 'brief' });
    expect(rules.identify(sha256('short'), expiryMs)).toBe('expired');
  });

  it('gives users from elsewhere what is bound to them and to their groups', () => {
    expect(rules.identityOf('oidc:alice', ['oidc:ops', 'oidc:other']).grants).toEqual([{ role: 'admin', clusters: null, namespaces: null }, everybody]);
    expect(rules.identityOf('oidc:bob', ['ops']).grants).toEqual([everybody]);
  });

  it('may be JSON, and may be empty', () => {
    expect(AccessRules.parse(JSON.stringify({ tokens: [{ name: 'a', sha256: hex('x').toUpperCase(), role: 'admin' }] })).identify(sha256('x'), 0)).toMatchObject({ user: 'a' });
    expect(AccessRules.parse('{}').identify(sha256(''), 0)).toBe('unknown');
  });

  const token = (more: object) => JSON.stringify({ tokens: [{ name: 'a', sha256: hex('x'), ...more }] });
  const binding = (more: object) => JSON.stringify({ bindings: [more] });
  it.each<[string, string]>([
    ['', 'the file is not an object with tokens, bindings'],
    ['[]', 'the file is not an object with tokens, bindings'],
    ['{', 'the file is neither YAML nor JSON: '],
    ['token: []', 'the file has "token", which is not known; known are tokens, bindings'],
    ['tokens: {}', 'tokens is not a list'],
    ['tokens: [1]', 'tokens[0] is not an object with name, sha256, expires, role, clusters, namespaces'],
    [token({ name: 'a b:c' }), 'tokens[0].name: "a b:c" holds a colon, which is for users from elsewhere, such as oidc:alice'],
    [token({ name: 7 }), 'tokens[0].name: 7 is not a name of 1 to 256 printable ASCII characters'],
    [token({ sha256: 'the token itself' }), 'tokens[0].sha256 is not the SHA-256 of a token: 64 hexadecimal digits'],
    [token({ role: 'root' }), 'tokens[0].role: "root" is not a role; use one of reader, allocator, admin'],
    [token({ roles: ['admin'] }), 'tokens[0] has "roles", which is not known; known are name, sha256, expires, role, clusters, namespaces'],
    [token({ expires: '2026-01-01' }), 'tokens[0].expires: "2026-01-01" is not a time; write it as 2027-01-31T00:00:00Z'],
    [token({ role: 'admin', clusters: [] }), 'tokens[0].clusters is empty; leave it out to mean all'],
    [token({ role: 'admin', clusters: 'prod' }), 'tokens[0].clusters is not a list'],
    [token({ role: 'admin', namespaces: ['*x'] }), 'tokens[0].namespaces: "*x" is no name; write names, or beginnings that end in *'],
    [JSON.stringify({ tokens: [{ name: 'a', sha256: hex('x') }, { name: 'a', sha256: hex('y') }] }), 'tokens[1].name: "a" stands twice; give each token a name of its own'],
    [binding({ role: 'admin' }), 'bindings[0] must name either a user or a group'],
    [binding({ user: 'a', group: 'b', role: 'admin' }), 'bindings[0] must name either a user or a group'],
    [binding({ user: 'a' }), 'bindings[0].role: undefined is not a role; use one of reader, allocator, admin'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => AccessRules.parse(text)).toThrow(BadAccessFile);
    expect(() => AccessRules.parse(text)).toThrow(message);
  });

  it('never repeats what stands where a hash should: it may be the token', () => {
    expect(() => AccessRules.parse(token({ sha256: 'hunter2' }))).not.toThrow(/hunter2/);
  });
});
