import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdir, rm, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const sizeMiB = 4_096; // a limit: it takes the memory of what is written
const triesMax = 50;

/** A file system of its own, which can be full without hurting anybody else: a tmpfs, whose size can be changed while it is used. */
export class Disk {
  private isMounted = true;
  private constructor(readonly folder: string) {}

  /** @returns why there is none, where this user or system may not mount one */
  static async mount(folder: string): Promise<Disk | string> {
    await mkdir(folder, { recursive: true });
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=755`, 'ipledger-chaos', folder]);
      const disk = new Disk(folder);
      process.once('exit', () => disk.isMounted && spawnSync('umount', ['--lazy', folder]));
      return disk;
    } catch (error) {
      return `no file system of its own for Postgres: ${((error as { stderr?: string }).stderr || String(error)).trim().split('\n')[0]}`;
    }
  }

  /** Nothing more can be written from now on, other than over what is there. */
  async fill(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { blocks, bfree, bsize } = await statfs(this.folder);
      // Refused when somebody has written meanwhile.
      const full = await this.resize(`${((blocks - bfree) * bsize) / 1024}k`).then(() => true, () => false);
      if (full) return;
      if (tries === triesMax) throw new Error(`the disk is written to faster than it can be filled`);
    }
  }

  async free(): Promise<void> {
    await this.resize(`${sizeMiB}m`);
  }

  /** @param keptIn where what is on it is copied to first */
  async unmount(keptIn?: string): Promise<void> {
    if (keptIn !== undefined) await cp(this.folder, keptIn, { recursive: true });
    await run('umount', ['--lazy', this.folder]); // some child of a killed Postgres may be about to end
    this.isMounted = false;
    await rm(this.folder, { recursive: true, force: true });
  }

  private async resize(size: string): Promise<void> {
    await run('mount', ['-o', `remount,size=${size}`, this.folder]);
  }
}
