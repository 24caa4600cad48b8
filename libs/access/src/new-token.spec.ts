import { createHash } from 'node:crypto';
import { AccessRules } from './access-file.js';
import { newToken } from './new-token.js';

it('makes a token that the access file knows by the entry alone', () => {
  const { token, entry } = newToken({ name: 'ci', role: 'allocator', clusters: ['prod'], namespaces: ['a'], expires: '2100-01-01T00:00:00Z' });
  expect(token).toMatch(/^ipl_[\w-]{43}$/);
  expect(entry).not.toContain(token);
  const rules = AccessRules.parse(`tokens:\n${entry}`);
  expect(rules.identify(createHash('sha256').update(token).digest(), 0)).toMatchObject({ user: 'ci', grants: [{ role: 'allocator', clusters: ['prod'], namespaces: ['a'] }] });
});

it('makes another one each time', () => expect(newToken({ name: 'a' }).token).not.toBe(newToken({ name: 'a' }).token));

it('makes none that would be refused', () => expect(() => newToken({ name: 'ci', role: 'root' })).toThrow('tokens[0].role: "root" is not a role; use one of reader, allocator, admin'));
