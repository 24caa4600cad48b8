import { readFileSync, statSync } from 'node:fs';

const everyMs = 2_000;
const bytesMax = 8 * 1024 * 1024;

/**
 * Files that are read again when they change. They are looked at every 2 s, by content: a mounted secret is a link that is
 * swapped, which watchers of the system do not see.
 */
export class WatchedFiles {
  private last: readonly string[];
  /** The failure that was told last; the same one is not told every 2 s. */
  private failed = '';
  private readonly timer: NodeJS.Timeout;

  /** @param onChange gets the new contents, in the order of the paths; may throw, which counts as a failure to reload
   *  @throws what reading throws, the first time */
  constructor(private readonly paths: readonly string[], private readonly onChange: (contents: readonly string[]) => void, private readonly onFailure: (error: Error) => void) {
    this.last = this.read();
    this.timer = setInterval(() => this.check(), everyMs);
    this.timer.unref();
  }

  get contents(): readonly string[] {
    return this.last;
  }

  /** Looks now. A content that was refused is reported once, not every 2 s. */
  check(): void {
    try {
      const found = this.read();
      if (found.every((text, i) => text === this.last[i])) return;
      this.last = found;
      this.onChange(found);
      this.failed = '';
    } catch (error) {
      this.fail(error as Error);
    }
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private fail(error: Error): void {
    if (error.message !== this.failed) this.onFailure(error);
    this.failed = error.message;
  }

  private read(): string[] {
    return this.paths.map((path) => {
      const { size } = statSync(path);
      if (size > bytesMax) throw new Error(`${path} has ${size} bytes; at most ${bytesMax} are read`);
      return readFileSync(path, 'utf8');
    });
  }
}
