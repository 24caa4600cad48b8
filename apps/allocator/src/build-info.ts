import { readFileSync } from 'node:fs';

/** The version of package.json, and the commit that the build wrote down beside the built files; '' where nobody knows. */
export const buildInfo = (): { version: string; commit: string } => {
  const manifest = readUpwards('package.json');
  return {
    version: manifest === undefined ? 'unknown' : (JSON.parse(manifest) as { version: string }).version,
    commit: readUpwards('.commit')?.trim() ?? '',
  };
};

/** Found by going up from this file: it lies at another depth when built. */
const readUpwards = (name: string): string | undefined => {
  for (let folder = new URL('.', import.meta.url); folder.pathname !== '/'; folder = new URL('..', folder)) {
    try {
      return readFileSync(new URL(name, folder), 'utf8');
    } catch {
      continue;
    }
  }
  return undefined;
};
