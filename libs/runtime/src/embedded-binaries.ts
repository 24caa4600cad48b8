import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly majorVersion: number;
}

interface PackageFolder {
  readonly folder: string;
  readonly version: string;
}

/**
 * Copies the binaries of `@embedded-postgres/<platform>` to a folder that any user may read, once per version.
 * The package is not used in place: it lacks its links where install scripts are denied (all of ours are), and under a
 * 0700 home the unprivileged user that Postgres must run as cannot reach it.
 * @param parent a folder that the Postgres user can reach; 60 MB are written there
 */
export async function installBinaries(parent: string): Promise<Binaries> {
  const source = findPackage();
  const folder = path.join(parent, `postgres-${source.version}`);
  if (!existsSync(folder)) await copyBinaries(source.folder, folder);
  await assertOurs(folder);
  const bin = (name: string): string => path.join(folder, 'native', 'bin', name);
  return { initdb: bin('initdb'), postgres: bin('postgres'), majorVersion: Number.parseInt(source.version, 10) };
}

function findPackage(): PackageFolder {
  if (process.platform === 'win32') {
    throw new EmbeddedPostgresError('unsupported_platform', 'The embedded Postgres is not supported on Windows: set DATABASE_URL.');
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const main = resolvePackage(name);
  if (main === undefined) {
    throw new EmbeddedPostgresError('no_binaries', `There is no embedded Postgres for this machine (${name} is not installed): set DATABASE_URL.`);
  }
  const folder = path.resolve(path.dirname(main), '..');
  const { version } = createRequire(import.meta.url)(path.join(folder, 'package.json')) as { version: string };
  return { folder, version };
}

function resolvePackage(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Under another name first: a copy that was interrupted is never taken for a whole one. */
async function copyBinaries(packageFolder: string, folder: string): Promise<void> {
  const draft = `${folder}.${process.pid}.${Date.now()}`;
  await mkdir(draft, { recursive: true, mode: 0o755 });
  try {
    await cp(path.join(packageFolder, 'native'), path.join(draft, 'native'), { recursive: true });
    await openToAll(draft);
    await makeLinks(packageFolder, draft);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // else another process was faster, and its copy is as good
  }
}

/** The package's own modes depend on the umask it was installed under. */
async function openToAll(draft: string): Promise<void> {
  await chmod(draft, 0o755);
  for (const entry of await readdir(draft, { recursive: true, withFileTypes: true })) {
    const executable = entry.isDirectory() || entry.parentPath.endsWith(`${path.sep}bin`);
    await chmod(path.join(entry.parentPath, entry.name), executable ? 0o755 : 0o644);
  }
}

async function makeLinks(packageFolder: string, draft: string): Promise<void> {
  const listed = await readFile(path.join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of JSON.parse(listed) as { source: string; target: string }[]) {
    const link = path.join(draft, target);
    if (!existsSync(link)) await symlink(path.relative(path.dirname(target), source), link);
  }
}

/** In a shared temporary folder somebody else could have put programs under this name for us to run. */
async function assertOurs(folder: string): Promise<void> {
  const { uid, mode } = await lstat(folder);
  const ours = uid === os.userInfo().uid || uid === 0;
  if (ours && (mode & 0o022) === 0) return;
  throw new EmbeddedPostgresError('no_binaries', `${folder} belongs to another user or is writable by others, so its programs are not run: remove it.`);
}
