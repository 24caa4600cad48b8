import { follow } from './follow/follow.js';
import { foreseen } from './follow/ledger.js';
import { apiServerOf } from './live.js';
import { ledgerOf } from './remote.js';
import type { Usage } from './usage.js';

/** Keeps a cluster in step with a real API server, until it is interrupted. */
export const runFollow = async ({ remote }: Usage): Promise<string> => {
  const ledger = await ledgerOf(remote);
  const config = await foreseen('the kubeconfig cannot be used', () => apiServerOf(remote));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await follow({ config, ledger, signal: stop.signal, say: (message) => process.stderr.write(`${new Date().toISOString()} ${message}\n`) });
  return 'stopped';
};
