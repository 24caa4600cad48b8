// `npm run admin -- VERB`: builds when needed, then becomes the command line of apps/admin.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, reasonToBuild, root } from './build.mjs';

const reason = reasonToBuild();
if (reason !== null) {
  // On stderr: standard output belongs to the answer.
  console.error(`Building first, since ${reason}…`);
  const code = await build();
  if (code !== 0) process.exit(code);
}
await import(pathToFileURL(join(root, 'dist', 'apps', 'admin', 'src', 'main.js')).href);
