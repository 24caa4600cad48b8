/** A Service as JSON, of either side. */
export interface Service {
  metadata: { namespace: string; name: string; uid: string; [member: string]: unknown };
  [member: string]: unknown;
}

/** A name on which the two sides do not agree. */
export type Difference =
  | { kind: 'missing'; key: string; live: Service }
  | { kind: 'differs'; key: string; live: Service; ledger: Service; paths: string[] }
  /** The name belongs to another Service by now. */
  | { kind: 'replaced'; key: string; live: Service; ledger: Service }
  | { kind: 'surplus'; key: string; ledger: Service }
  /** The live side says two things about one name, or does not say enough to compare. */
  | { kind: 'unclear'; key: string; why: string };

type Value = unknown;

/** Paths named for one Service; the rest is counted. */
const pathsMax = 5;

/**
 * What a live cluster and the ledger do not agree on, in order of namespace/name. A resource version belongs to each side and is
 * not compared; owners of fields are where both sides have them (kubectl leaves them out of what it writes).
 */
export const differences = (live: readonly unknown[], ledger: readonly Service[]): Difference[] => {
  const here = new Map(ledger.map((service) => [keyOf(service), service]));
  const there = new Map<string, Service>();
  const found: Difference[] = [];
  const unclear = new Set<string>();
  for (const [i, item] of live.entries()) {
    if (!isIdentified(item)) {
      found.push({ kind: 'unclear', key: `item ${i + 1}`, why: 'it has no metadata.namespace, metadata.name or metadata.uid' });
      continue;
    }
    const key = keyOf(item);
    const before = there.get(key);
    if (before !== undefined && !unclear.has(key) && pathsOf(before, item).length > 0) {
      unclear.add(key);
      found.push({ kind: 'unclear', key, why: 'it is there twice, and not the same' });
    }
    if (before === undefined) there.set(key, item);
  }
  for (const [key, service] of there) if (!unclear.has(key)) found.push(...compared(key, service, here.get(key)));
  for (const [key, service] of here) if (!there.has(key)) found.push({ kind: 'surplus', key, ledger: service });
  return found.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
};

const compared = (key: string, live: Service, ledger: Service | undefined): Difference[] => {
  if (ledger === undefined) return [{ kind: 'missing', key, live }];
  if (ledger.metadata.uid !== live.metadata.uid) return [{ kind: 'replaced', key, live, ledger }];
  const paths = pathsOf(live, ledger);
  return paths.length === 0 ? [] : [{ kind: 'differs', key, live: withOwners(live, ledger), ledger, paths: shortened(paths) }];
};

const isIdentified = (item: Value): item is Service => {
  const metadata = isObject(item) ? item['metadata'] : undefined;
  return isObject(metadata) && ['namespace', 'name', 'uid'].every((member) => typeof metadata[member] === 'string');
};

/** What a dump does not say about owners is not taken for "nobody owns anything". */
const withOwners = (live: Service, { metadata: { managedFields } }: Service): Service =>
  live.metadata['managedFields'] === undefined && managedFields !== undefined ? { ...live, metadata: { ...live.metadata, managedFields } } : live;

const pathsOf = (live: Service, ledger: Service): string[] => {
  const withFields = live.metadata['managedFields'] !== undefined && ledger.metadata['managedFields'] !== undefined;
  const [a, b] = [live, ledger].map(({ metadata, spec, status }) => {
    const { resourceVersion: _, managedFields, ...rest } = metadata;
    return { metadata: { ...rest, ...(withFields && { managedFields }) }, spec, status };
  });
  return differingPaths(a, b, '');
};

const differingPaths = (live: Value, ledger: Value, path: string): string[] => {
  if (isObject(live) && isObject(ledger)) {
    return [...new Set([...Object.keys(live), ...Object.keys(ledger)])].sort().flatMap((member) => differingPaths(live[member], ledger[member], path === '' ? member : `${path}.${member}`));
  }
  if (Array.isArray(live) && Array.isArray(ledger) && live.length === ledger.length) return live.flatMap((value, i) => differingPaths(value, ledger[i], `${path}[${i}]`));
  return JSON.stringify(live) === JSON.stringify(ledger) ? [] : [`${path}: ${shown(live)} there, ${shown(ledger)} here`];
};

const shown = (value: Value): string => {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 'nothing' : text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

const shortened = (paths: string[]): string[] => (paths.length <= pathsMax ? paths : [...paths.slice(0, pathsMax), `and ${paths.length - pathsMax} more`]);

const isObject = (value: Value): value is Record<string, Value> => typeof value === 'object' && value !== null && !Array.isArray(value);
const keyOf = ({ metadata: { namespace, name } }: Service): string => `${namespace}/${name}`;
