import { timingSafeEqual } from 'node:crypto';
import { parse } from 'yaml';
import { roles, type Grant, type Identity, type Role } from './policy.js';

/** Thrown for an access file that cannot be used; the message names the place, the value, and what would be right. */
export class BadAccessFile extends Error {}

/** A token that somebody may send; only its SHA-256 is known here. */
interface StaticToken {
  sha256: Buffer;
  /** Unix time in ms from which it is refused; null = never. */
  expiresMs: number | null;
  identity: Identity;
}

const entriesMax = 10_000;
/** Every identity is in it, so that a binding can be for whoever gets in. */
const authenticatedGroup = 'system:authenticated';

/** What the access file says: which tokens there are, and which users and groups have which roles. Never changed; a reload makes a new one. */
export class AccessRules {
  /** By the first bytes of the hash; the rest is compared in constant time. */
  private readonly tokens = new Map<string, StaticToken[]>();
  private readonly ofUser = new Map<string, Grant[]>();
  private readonly ofGroup = new Map<string, Grant[]>();

  /** @throws BadAccessFile */
  static parse(text: string): AccessRules {
    const rules = new AccessRules();
    const file = object(parseYaml(text), 'the file', ['tokens', 'bindings']);
    const names = new Set<string>();
    // Bindings first: the identity of a token is made once, with all that it may do.
    for (const [i, entry] of list(file['bindings'], 'bindings').entries()) rules.addBinding(entry, `bindings[${i}]`);
    for (const [i, entry] of list(file['tokens'], 'tokens').entries()) rules.addToken(entry, `tokens[${i}]`, names);
    return rules;
  }

  /** @param sha256 of the token that was sent; @returns the identity, or why not */
  identify(sha256: Buffer, nowMs: number): Identity | 'unknown' | 'expired' {
    const found = this.tokens.get(slotOf(sha256))?.find((token) => timingSafeEqual(token.sha256, sha256));
    if (found === undefined) return 'unknown';
    if (found.expiresMs !== null && nowMs >= found.expiresMs) return 'expired';
    return found.identity;
  }

  /** The identity of a user known by other means, with what the bindings give. */
  identityOf(user: string, groups: readonly string[], own: readonly Grant[] = []): Identity {
    const all = [...groups, authenticatedGroup];
    return { user, actor: user, groups: all, grants: [...own, ...(this.ofUser.get(user) ?? []), ...all.flatMap((group) => this.ofGroup.get(group) ?? [])] };
  }

  private addToken(entry: unknown, at: string, names: Set<string>): void {
    const { name, sha256, expires, ...grant } = object(entry, at, ['name', 'sha256', 'expires', 'role', 'clusters', 'namespaces']);
    const user = userName(name, `${at}.name`);
    if (names.has(user)) throw bad(`${at}.name`, name, 'stands twice; give each token a name of its own');
    names.add(user);
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256)) throw new BadAccessFile(`${at}.sha256 is not the SHA-256 of a token: 64 hexadecimal digits`);
    const token: StaticToken = {
      sha256: Buffer.from(sha256, 'hex'),
      expiresMs: expires === undefined ? null : instant(expires, `${at}.expires`),
      identity: this.identityOf(user, [], grant['role'] === undefined ? [] : [grantOf(grant, at)]),
    };
    const slot = slotOf(token.sha256);
    this.tokens.set(slot, [...(this.tokens.get(slot) ?? []), token]);
  }

  private addBinding(entry: unknown, at: string): void {
    const { user, group, ...grant } = object(entry, at, ['user', 'group', 'role', 'clusters', 'namespaces']);
    if ((user === undefined) === (group === undefined)) throw new BadAccessFile(`${at} must name either a user or a group`);
    const [byName, name] = user === undefined ? [this.ofGroup, text(group, `${at}.group`)] : [this.ofUser, text(user, `${at}.user`)];
    byName.set(name, [...(byName.get(name) ?? []), grantOf(grant, at)]);
  }
}

const slotOf = (sha256: Buffer): string => sha256.toString('base64url', 0, 6);
const bad = (at: string, value: unknown, why: string): BadAccessFile => new BadAccessFile(`${at}: ${JSON.stringify(value)} ${why}`);

const parseYaml = (source: string): unknown => {
  try {
    return parse(source, { maxAliasCount: 0 }) as unknown;
  } catch (error) {
    throw new BadAccessFile(`the file is neither YAML nor JSON: ${(error as Error).message.split('\n', 1)[0]}`);
  }
};

const object = (value: unknown, at: string, known: readonly string[]): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadAccessFile(`${at} is not an object with ${known.join(', ')}`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new BadAccessFile(`${at} has ${JSON.stringify(unknown)}, which is not known; known are ${known.join(', ')}`);
  return value as Record<string, unknown>;
};

const list = (value: unknown, at: string): unknown[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new BadAccessFile(`${at} is not a list`);
  if (value.length > entriesMax) throw new BadAccessFile(`${at} has ${value.length} entries; at most ${entriesMax} are read`);
  return value;
};

const text = (value: unknown, at: string): string => {
  if (typeof value !== 'string' || !/^[\x20-\x7e]{1,256}$/.test(value)) throw bad(at, value, 'is not a name of 1 to 256 printable ASCII characters');
  return value;
};

/** Names that come from elsewhere cannot be taken by a token: the log would not tell them apart. */
const userName = (value: unknown, at: string): string => {
  const name = text(value, at);
  if (name.includes(':')) throw bad(at, value, 'holds a colon, which is for users from elsewhere, such as oidc:alice');
  return name;
};

const instant = (value: unknown, at: string): number => {
  const ms = typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(ms)) throw bad(at, value, 'is not a time; write it as 2027-01-31T00:00:00Z');
  return ms;
};

const grantOf = (entry: Record<string, unknown>, at: string): Grant => {
  if (!roles.includes(entry['role'] as Role)) throw bad(`${at}.role`, entry['role'], `is not a role; use one of ${roles.join(', ')}`);
  return { role: entry['role'] as Role, clusters: scope(entry['clusters'], `${at}.clusters`), namespaces: scope(entry['namespaces'], `${at}.namespaces`) };
};

/** Left out = everywhere. An empty list would say nowhere, which nobody means. */
const scope = (value: unknown, at: string): readonly string[] | null => {
  if (value === undefined) return null;
  const names = list(value, at);
  if (names.length === 0) throw new BadAccessFile(`${at} is empty; leave it out to mean all`);
  return names.map((name) => {
    if (typeof name !== 'string' || !/^[a-z0-9]?[a-z0-9.-]{0,252}\*?$/.test(name) || name === '') throw bad(at, name, 'is no name; write names, or beginnings that end in *');
    return name;
  });
};
