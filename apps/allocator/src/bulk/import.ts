import { decodeService, isJsonObject, readJsonBytes, serviceKey, applyStaticDefaults, type ForgetService, type ImportService } from '@ipledger/services';
import { orderBasis } from '../kubernetes/request.js';
import { rejectionStatus } from '../kubernetes/status.js';
import type { Outcome } from '../writer/order.js';
import { forEachBounded, type Bounds } from './bounded.js';
import type { Line } from './lines.js';

/** Conflicts named in a report; a client that reads lines is told each one as it comes. */
const conflictsNamedMax = 1_000;
/** Addresses of one dry run that are remembered, so that two Services of it with one address are found. */
const rememberedMax = 2_000_000;

export interface ImportConflict {
  /** From 1. */
  line: number;
  /** `namespace/name`, where the line says it. */
  service: string | null;
  reasons: string[];
}

/** Every line ends in exactly one of the four after `lines`. */
export interface ImportReport {
  dryRun: boolean;
  lines: number;
  /** In a dry run: what would be. */
  imported: number;
  updated: number;
  forgotten: number;
  /** Here already, just so. */
  unchanged: number;
  conflicts: number;
  first: ImportConflict[];
}

export const emptyImportReport = (dryRun: boolean): ImportReport => ({ dryRun, lines: 0, imported: 0, updated: 0, forgotten: 0, unchanged: 0, conflicts: 0, first: [] });

export interface ImportTools {
  submit(command: ImportService | ForgetService): Promise<Outcome>;
  /** Told of each conflict as it comes. */
  conflict(conflict: ImportConflict): void;
}

type Read = { command: ImportService | ForgetService; line: number } | { line: number; failure: string };

/**
 * Takes over the Services of a stream of lines, one command each. It can be ended at any point and sent again: what is here just
 * so is passed over.
 * @param existing what becomes of a Service that is here, with the same uid, and differs
 */
export const importLines = async (tools: ImportTools, lines: AsyncIterable<Line>, existing: ImportService['existing'], bounds: Bounds, report: ImportReport): Promise<void> => {
  const seen = new Map<string, string>();
  await forEachBounded(readLines(lines, existing, report), bounds, async (read) => {
    const refuse = (service: string | null, reasons: string[]): void => {
      report.conflicts++;
      const conflict = { line: read.line, service, reasons };
      if (report.first.length < conflictsNamedMax) report.first.push(conflict);
      tools.conflict(conflict);
    };
    if ('failure' in read) return refuse(null, [read.failure]);
    const { command } = read;
    const key = serviceKey(command.namespace, command.name);
    const twice = report.dryRun ? heldTwice(command, key, seen) : [];
    if (twice.length > 0) return refuse(key, twice);
    const outcome = await tools.submit(command);
    if (outcome.kind === 'accepted') count(command, outcome, report);
    else if (outcome.kind === 'rejected') refuse(key, outcome.rejection.code === 'import_conflict' ? [...outcome.rejection.conflicts] : [messageOf(outcome, command)]);
  });
};

const count = (command: ImportService | ForgetService, { status, changed }: Extract<Outcome, { kind: 'accepted' }>, report: ImportReport): void => {
  if (command.type === 'ForgetService') report[changed ? 'forgotten' : 'unchanged']++;
  else if (status === 201) report.imported++;
  else report[changed ? 'updated' : 'unchanged']++;
};

const messageOf = ({ rejection }: Extract<Outcome, { kind: 'rejected' }>, command: ImportService | ForgetService): string =>
  (JSON.parse(rejectionStatus(rejection, command.namespace).body) as { message: string }).message;

async function* readLines(lines: AsyncIterable<Line>, existing: ImportService['existing'], report: ImportReport): AsyncGenerator<Read> {
  for await (const line of lines) {
    report.lines++;
    yield { line: report.lines, ...readLine(line, existing, report.dryRun) };
  }
}

const readLine = (line: Line, existing: ImportService['existing'], dryRun: boolean): { command: ImportService | ForgetService } | { failure: string } => {
  if ('tooLong' in line) return { failure: 'the line is too long' };
  const parsed = readJsonBytes(line.bytes);
  if ('failure' in parsed) return { failure: `the line is not JSON: ${parsed.failure}` };
  if (isJsonObject(parsed.value) && isJsonObject(parsed.value['deleted'])) return forgotten(parsed.value['deleted'], dryRun);
  const decoded = decodeService(parsed.value, parsed.duplicates);
  if ('failure' in decoded) return { failure: `the line is no Service: ${decoded.failure}` };
  // What this version does not know of a Service cannot be kept, and losing it unseen would be worse than refusing.
  if (decoded.strict.length > 0) return { failure: `the line holds what is not known here: ${decoded.strict.join(', ')}` };
  const { namespace, name } = decoded.service.metadata;
  if (namespace === undefined || name === undefined) return { failure: 'the Service has no metadata.namespace or no metadata.name' };
  return { command: { type: 'ImportService', ...orderBasis(namespace, { dryRun, fieldManager: '' }), name, existing, service: applyStaticDefaults(decoded.service) } };
};

const forgotten = ({ namespace, name, uid }: Record<string, unknown>, dryRun: boolean): { command: ForgetService } | { failure: string } =>
  typeof namespace === 'string' && typeof name === 'string' && typeof uid === 'string'
    ? { command: { type: 'ForgetService', ...orderBasis(namespace, { dryRun, fieldManager: '' }), name, uid } }
    : { failure: 'deleted: namespace, name and uid are needed' };

/** Only a dry run needs it: what is imported for real is held by the time the next one comes. */
const heldTwice = (command: ImportService | ForgetService, key: string, seen: Map<string, string>): string[] => {
  if (command.type === 'ForgetService') return [];
  const addresses = (command.service.spec.clusterIPs ?? []).filter((text) => text !== 'None');
  const reasons = addresses.flatMap((address) => {
    const other = seen.get(address);
    return other === undefined || other === key ? [] : [`${address} is in the import already, of ${other}`];
  });
  if (reasons.length === 0 && seen.size < rememberedMax) for (const address of addresses) seen.set(address, key);
  return reasons;
};
