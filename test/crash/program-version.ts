import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './service-process.js';

/** A build of the program somewhere, with migrations of its own: what it was built for. */
export class ProgramVersion {
  private constructor(readonly folder: string, private readonly isOurs: boolean) {}

  /** This one, or that in another folder, where `npm ci` and `npm run build` have run. */
  static at(folder = root): ProgramVersion {
    return new ProgramVersion(folder, false);
  }

  /** Our build as a later version would be: the same program, but it knows these further migrations. */
  static async later(migrations: readonly string[]): Promise<ProgramVersion> {
    const folder = await mkdtemp(join(tmpdir(), 'ipledger-later-'));
    await cp(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await mkdir(join(folder, 'migrations'));
    const known = (await readdir(join(root, 'migrations'))).filter((name) => name.endsWith('.sql')).sort();
    for (const name of known) await copyFile(join(root, 'migrations', name), join(folder, 'migrations', name));
    for (const [index, sql] of migrations.entries()) await writeFile(join(folder, 'migrations', `${String(known.length + index + 1).padStart(4, '0')}_later.sql`), sql);
    return new ProgramVersion(folder, true);
  }

  /** `npm run admin` of this version. Resolves with its exit code and all it said. */
  admin(databaseUrl: string, ...args: string[]): Promise<{ code: number; said: string }> {
    return new Promise((ended) => {
      execFile(process.execPath, [join(this.folder, 'dist/apps/admin/src/main.js'), ...args], { cwd: this.folder, env: { ...process.env, DATABASE_URL: databaseUrl } },
        (error, stdout, stderr) => ended({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }));
    });
  }

  async remove(): Promise<void> {
    if (this.isOurs) await rm(this.folder, { recursive: true, force: true });
  }
}
