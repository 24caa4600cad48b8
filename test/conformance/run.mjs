// node test/conformance/run.mjs [BASE_URL] [--only REGEXP] …: loads run.ts with the loader that the tests use.
import { createViteServer } from 'vitest/node';

const vite = await createViteServer({
  configFile: '.ci/vitest.config.ts',
  root: process.cwd(),
  logLevel: 'error',
  appType: 'custom',
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, watch: null, ws: false, hmr: false },
});
const { run } = await vite.ssrLoadModule('/test/conformance/run.ts');
process.exitCode = await run(process.argv.slice(2));
await vite.close();
