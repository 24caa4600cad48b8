import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An access file of its own in a new folder, whose tokens are the names of their users with `-token` behind. */
export class TestAccessFile {
  private readonly folder = mkdtempSync(join(tmpdir(), 'ipledger-access-'));
  readonly path = join(this.folder, 'access.yaml');

  constructor(tokens: Readonly<Record<string, object>>, bindings: readonly object[] = []) {
    this.write(tokens, bindings);
  }

  write(tokens: Readonly<Record<string, object>>, bindings: readonly object[] = []): void {
    const entries = Object.entries(tokens).map(([name, more]) => ({ name, sha256: createHash('sha256').update(tokenOf(name)).digest('hex'), ...more }));
    this.writeText(JSON.stringify({ tokens: entries, bindings }));
  }

  writeText(text: string): void {
    writeFileSync(this.path, text);
  }

  /** As when a mounted secret is gone. */
  hide(): void {
    rmSync(this.path);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

export const tokenOf = (name: string): string => `${name}-token`;
export const as = (name: string): Record<string, string> => ({ authorization: `Bearer ${tokenOf(name)}` });
