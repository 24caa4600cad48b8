/** A process that runs an embedded Postgres, for tests to kill: prints one line of JSON, then waits. */
import { startEmbeddedPostgres } from '../src/embedded-postgres.js';
import { EmbeddedPostgresError } from '../src/embedded-postgres-error.js';

const [dataDir = '', binariesDir, predecessorMs = '10000'] = process.argv.slice(2);
try {
  const server = await startEmbeddedPostgres({ dataDir, binariesDir: binariesDir || undefined, predecessorMs: Number(predecessorMs) });
  process.stdin.on('end', () => void server.stop()).resume();
  console.log(JSON.stringify({ url: server.url }));
} catch (error) {
  console.log(JSON.stringify(error instanceof EmbeddedPostgresError ? { code: error.code, message: error.message } : { code: 'unexpected', message: String(error) }));
  process.exitCode = 1;
}
