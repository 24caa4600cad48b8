import type { EventStore, ServiceKey } from '@ipledger/event-store';
import type { Family } from '@ipledger/ip';
import {
  compileDefinition, missingFamily, parseDocument, readDocument, serviceKey, type Rejection, type ServiceObject, type StringMap,
} from '@ipledger/services';
import type { Outcome } from '../writer/order.js';
import type { KnownCluster } from '../writer/writers.js';
import { forEachBounded, type Bounds } from './bounded.js';

const pageRows = 500;
const namedMax = 10;

export interface TopUpWish extends Bounds {
  /** undefined = all Services. */
  selects: ((labels: StringMap) => boolean) | undefined;
  /** undefined = all namespaces. */
  namespaces: readonly string[] | undefined;
  dryRun: boolean;
}

/** What a top-up came to, or has come to so far. Every Service in `lacking` ends in exactly one of the four after it. */
export interface TopUpReport {
  dryRun: boolean;
  /** Services read so far. */
  examined: number;
  /** Of those: PreferDualStack with one family on this dual-stack cluster. */
  lacking: number;
  /** Got their second family; in a dry run: would get it. */
  toppedUp: number;
  /** Deleted, edited or topped up by somebody else in the meantime. */
  settledMeanwhile: number;
  /** Found their family full: they stay as they are, and are topped up by a later run. */
  rest: { family: Family; services: number; first: string[] }[];
  refused: { services: number; first: { service: string; reason: string }[] };
}

/** What a top-up needs of the server. `free` counts addresses of a family that can be had; asked in dry runs only. */
export interface TopUpTools {
  store: EventStore;
  submit(key: ServiceKey): Promise<Outcome>;
  free(family: Family): Promise<bigint>;
}

/**
 * Gives every PreferDualStack Service of a cluster with one family its second, one command each. It can be ended at any point
 * and run again: what has both families is passed over.
 * @param report is kept current while it runs
 */
export const topUp = async (tools: TopUpTools, cluster: KnownCluster, wish: TopUpWish, report: TopUpReport): Promise<void> => {
  const { families } = compileDefinition(cluster.definition);
  if (families.length < 2) return;
  const room = wish.dryRun ? { IPv4: await tools.free('IPv4'), IPv6: await tools.free('IPv6') } : undefined;
  const found = lackingServices(tools.store, cluster, wish, report);
  await forEachBounded(found, wish, async (lacking) => {
    if (room !== undefined) foresee(lacking, room, report);
    else note(await tools.submit(lacking.key), lacking, report);
  });
};

export const emptyReport = (dryRun: boolean): TopUpReport =>
  ({ dryRun, examined: 0, lacking: 0, toppedUp: 0, settledMeanwhile: 0, rest: [], refused: { services: 0, first: [] } });

interface Lacking {
  key: ServiceKey;
  service: ServiceObject;
  missing: Family;
}

async function* lackingServices(store: EventStore, cluster: KnownCluster, wish: TopUpWish, report: TopUpReport): AsyncGenerator<Lacking> {
  const { families } = compileDefinition(cluster.definition);
  for (const namespace of wish.namespaces ?? [undefined]) {
    for (let after: ServiceKey | undefined; ; ) {
      const page = await store.listDocuments(cluster.id, { limit: pageRows, ...(namespace !== undefined && { namespace }), ...(after && { after }) });
      for (const { namespace: inside, name, document } of page) {
        report.examined++;
        // Almost every Service of most clusters is SingleStack: only those that can matter are parsed.
        if (!document.includes('"PreferDualStack"')) continue;
        const service = parseDocument(readDocument(document, cluster.primary));
        const missing = missingFamily(service, families);
        if (missing === undefined || wish.selects?.(service.metadata.labels ?? {}) === false) continue;
        report.lacking++;
        yield { key: { namespace: inside, name }, service, missing };
      }
      if (page.length < pageRows) break;
      after = page.at(-1);
    }
  }
}

const foresee = ({ service, key, missing }: Lacking, room: Record<Family, bigint>, report: TopUpReport): void => {
  const needsAddress = service.spec.clusterIP !== 'None';
  if (needsAddress && room[missing] === 0n) return noteFull(key, missing, report);
  if (needsAddress) room[missing]--;
  report.toppedUp++;
};

const note = (outcome: Outcome, { key }: Lacking, report: TopUpReport): void => {
  if (outcome.kind === 'accepted') {
    if (outcome.changed) report.toppedUp++;
    else report.settledMeanwhile++;
  } else if (outcome.kind === 'rejected') noteRefusal(outcome.rejection, key, report);
};

const noteRefusal = (rejection: Rejection, key: ServiceKey, report: TopUpReport): void => {
  if (rejection.code === 'addresses_exhausted') return noteFull(key, rejection.family, report);
  if (rejection.code === 'not_found') {
    report.settledMeanwhile++;
    return;
  }
  report.refused.services++;
  const reason = rejection.code === 'invalid' ? rejection.errors.map(({ field, message }) => `${field}: ${message}`).join(', ') : rejection.code;
  if (report.refused.first.length < namedMax) report.refused.first.push({ service: serviceKey(key.namespace, key.name), reason });
};

const noteFull = (key: ServiceKey, family: Family, { rest }: TopUpReport): void => {
  let full = rest.find((entry) => entry.family === family);
  if (full === undefined) rest.push((full = { family, services: 0, first: [] }));
  full.services++;
  if (full.first.length < namedMax) full.first.push(serviceKey(key.namespace, key.name));
};
