import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { importLines, listServices, type ImportResult, type Ledger } from './ledger.js';
import { listUpstream, watchUpstream, type RawService, type WatchEvent } from './upstream.js';

/** Changes that may wait while an import is under way; one more and everything is read anew. */
const waitingMax = 50_000;
const linesPerImport = 2_000;
const backOffMsMax = 30_000;

export interface FollowOptions {
  config: KubeConfig;
  ledger: Ledger;
  signal: AbortSignal;
  say(message: string): void;
}

/**
 * Keeps a cluster of the ledger in step with a real API server, until the signal. Whatever breaks, on either side, is answered by
 * reading both anew: what is here just so is passed over, so that costs no more than the reading.
 */
export const follow = async (options: FollowOptions): Promise<void> => {
  let backOffMs = 0;
  while (!options.signal.aborted) {
    try {
      await delay(backOffMs, undefined, { signal: options.signal }).catch(() => undefined);
      const resourceVersion = await bringInStep(options);
      backOffMs = 0;
      await followWatch(options, resourceVersion);
    } catch (error) {
      if (options.signal.aborted) return;
      backOffMs = Math.min(Math.max(500, backOffMs * 2), backOffMsMax);
      options.say(`${error instanceof Error ? error.message : String(error)}; both sides are read anew in ${backOffMs / 1000} s`);
    }
  }
};

/** Reads both sides, and forgets and imports what differs. @returns the revision up to which the API server is reflected */
const bringInStep = async ({ config, ledger, signal, say }: FollowOptions): Promise<string> => {
  const { items, resourceVersion } = await listUpstream(config, signal);
  const there = new Map(items.map((item) => [keyOf(item), item.metadata.uid]));
  const gone = (await listServices(ledger)).filter((item) => there.get(keyOf(item)) !== item.metadata.uid);
  const total = await send(ledger, gone.map(deletedLine));
  // An address or port that moved between two Services is free only when the one has been brought in line: twice is enough for that.
  const first = await send(ledger, items.map(serviceLine));
  const second = first.conflicts > 0 ? await send(ledger, items.map(serviceLine)) : first;
  say(`in step with ${items.length} Services at revision ${resourceVersion}: ${first.imported} imported, ${first.updated} updated, ${total.forgotten} forgotten, ${second.conflicts} in conflict${namesOf(second)}`);
  return resourceVersion;
};

const followWatch = async ({ config, ledger, signal, say }: FollowOptions, from: string): Promise<void> => {
  const waiting: WatchEvent[] = [];
  let ended: { error?: unknown } | undefined;
  let wake: () => void = () => undefined;
  const reading = (async () => {
    for await (const event of watchUpstream(config, from, signal)) {
      if (event.type !== 'BOOKMARK') waiting.push(event);
      if (waiting.length > waitingMax) throw new Error(`${waitingMax} changes wait`);
      wake();
    }
  })().then(() => { ended = {}; }, (error: unknown) => { ended = { error }; }).finally(() => wake());
  while (ended === undefined || waiting.length > 0) {
    if (waiting.length === 0) await new Promise<void>((resolve) => { wake = resolve; if (waiting.length > 0 || ended !== undefined) resolve(); });
    const lines = takeRun(waiting);
    if (lines.length === 0) continue;
    const result = await send(ledger, lines);
    if (result.conflicts > 0) throw new Error(`${result.conflicts} changes are in conflict${namesOf(result)}`);
  }
  await reading;
  const { error } = ended as { error?: unknown };
  if (error !== undefined) throw error;
  say('the watch ended, as it does now and then');
};

/** Lines of one import are under way together: of each Service only its last state, and never two under one name. */
const takeRun = (waiting: WatchEvent[]): string[] => {
  const run = new Map<string, WatchEvent>();
  while (waiting.length > 0 && run.size < linesPerImport) {
    const event = waiting[0] as WatchEvent;
    const before = run.get(keyOf(event.object));
    if (before !== undefined && before.object.metadata.uid !== event.object.metadata.uid) break;
    run.delete(keyOf(event.object));
    run.set(keyOf(event.object), event);
    waiting.shift();
  }
  return [...run.values()].map(({ type, object }) => (type === 'DELETED' ? deletedLine(object) : serviceLine(object)));
};

const send = async (ledger: Ledger, lines: readonly string[]): Promise<ImportResult> => {
  const total: ImportResult = { dryRun: false, lines: 0, imported: 0, updated: 0, forgotten: 0, unchanged: 0, conflicts: 0, first: [] };
  for (let from = 0; from < lines.length; from += linesPerImport) {
    const result = await importLines(ledger, lines.slice(from, from + linesPerImport), { existing: 'replace' });
    for (const count of ['lines', 'imported', 'updated', 'forgotten', 'unchanged', 'conflicts'] as const) total[count] += result[count];
    total.first.push(...result.first.slice(0, 10 - total.first.length));
  }
  return total;
};

const namesOf = ({ first }: ImportResult): string => (first.length === 0 ? '' : `: ${first.slice(0, 3).map(({ service, reasons }) => `${service ?? '?'} (${reasons.join('; ')})`).join(', ')}`);
const keyOf = ({ metadata: { namespace, name } }: Pick<RawService, 'metadata'> | { metadata: { namespace: string; name: string } }): string => `${namespace}/${name}`;
/** Items of a list carry no kind. */
const serviceLine = (service: RawService): string => JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...service });
const deletedLine = ({ metadata: { namespace, name, uid } }: { metadata: { namespace: string; name: string; uid: string } }): string => JSON.stringify({ deleted: { namespace, name, uid } });
