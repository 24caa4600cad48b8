// `npm start [-- flags]`: builds when needed, then becomes the service. The service runs in this very process,
// so that flags, signals and exit code are its own and nothing stands between it and whoever started it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, reasonToBuild, root } from './build.mjs';

const reason = reasonToBuild();
if (reason !== null) {
  // On stderr: standard output belongs to the service's log.
  console.error(`Building first, since ${reason}…`);
  const code = await build();
  if (code !== 0) {
    console.error('The build failed, nothing was started.');
    process.exit(code);
  }
}
await import(pathToFileURL(join(root, 'dist', 'apps', 'standalone', 'src', 'main.js')).href);
