import { readFileSync, statSync } from 'node:fs';

const everyMs = 2_000;
const bytesMax = 8 * 1024 * 1024;

/**
 * Files that are read again when they change. They are looked at every 2 s, by content: a mounted secret is a link that is
 * swapped, which watchers of the system do not see.
 */
export class WatchedFiles {
  private last: readonly string[];
  /** Why they cannot be read now, and why what was read last cannot be used; '' = they can. */
  private unread = '';
  private refused = '';
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

  /** Whether what is in force is not what the files say now. */
  get isFailing(): boolean {
    return this.unread !== '' || this.refused !== '';
  }

  /** Looks now. What fails is reported once, not every 2 s. */
  check(): void {
    const found = this.look();
    if (found === undefined || found.every((text, i) => text === this.last[i])) return;
    this.last = found;
    try {
      this.onChange(found);
      this.refused = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.refused) this.onFailure(error as Error);
      this.refused = message;
    }
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): string[] | undefined {
    try {
      const found = this.read();
      this.unread = '';
      return found;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.unread) this.onFailure(error as Error);
      this.unread = message;
      return undefined;
    }
  }

  private read(): string[] {
    return this.paths.map((path) => {
      const { size } = statSync(path);
      if (size > bytesMax) throw new Error(`${path} has ${size} bytes; at most ${bytesMax} are read`);
      return readFileSync(path, 'utf8');
    });
  }
}
