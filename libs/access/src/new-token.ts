import { createHash, randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { AccessRules } from './access-file.js';

/** What a new entry of the access file is to say; the file's own words. */
export interface TokenEntry {
  name: string;
  role?: string;
  clusters?: readonly string[];
  namespaces?: readonly string[];
  expires?: string;
}

/**
 * A token of 256 random bits, and the entry that makes it known. Since it is random, a plain hash of it can be kept: there is
 * nothing to guess. The beginning lets scanners of secrets recognize one.
 * @throws BadAccessFile when the entry would be refused
 */
export const newToken = (entry: TokenEntry): { token: string; entry: string } => {
  const token = `ipl_${randomBytes(32).toString('base64url')}`;
  const { name, ...more } = entry;
  const tokens = [{ name, sha256: createHash('sha256').update(token).digest('hex'), ...more }];
  AccessRules.parse(JSON.stringify({ tokens }));
  return { token, entry: stringify(tokens) };
};
