import { listServices } from './follow/ledger.js';
import { ledgerOf } from './remote.js';
import type { Usage } from './usage.js';

/** All Services of a cluster, as `kubectl get svc -A -o json` shows them: what `import` takes. */
export const runExport = async ({ remote }: Usage): Promise<string> => {
  const items = (await listServices(await ledgerOf(remote))).map((item) => ({ apiVersion: 'v1', kind: 'Service', ...item }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 1);
};
