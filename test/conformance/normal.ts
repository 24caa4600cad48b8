import { BlockList } from 'node:net';
import { canonical } from './canonical.js';
import { isObject, withoutPrototype as copy } from './json.js';
import type { Json, JsonObject } from './json.js';
import { Placeholders } from './placeholders.js';
import type { Kind } from './placeholders.js';
import type { RecordedRequest } from './recordings.js';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const revision = /^[1-9]\d*$/;
const age = /^(\d+[smhdy])+$/;
const suffix = /^[a-z0-9]{5}$/;
const addresses = /(?<![0-9a-zA-Z.:/])(?:\d+\.\d+\.\d+\.\d+|[0-9a-f]+:[0-9a-f:]*[0-9a-f:])(?![0-9a-zA-Z/]|\.\d)/g;
const ports = /(?<![0-9a-zA-Z.:-])3[0-2]\d\d\d(?![0-9a-zA-Z.-])/g;
const timesInText = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z(?!\d)/g;
const generatedBaseLengthMax = 58; // upstream cuts the base so that name and five random characters fit 63

/** What a Service can hold: the canonical text of an address, or the number of a port. */
type Identity = string | number;

const isNodePort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 30000 && value <= 32767;
const family = (address: string): 'ip4' | 'ip6' => (address.includes(':') ? 'ip6' : 'ip4');
const holding = (uid: Json | undefined, identity: Identity): string => `${String(uid)}\0${identity}`;

/** Upstream lists what several managers object to in the order of a Go map, which is by chance. */
const conflictsInOrder = (causes: Json[]): Json[] => {
  const texts = causes.map((cause) => (isObject(cause) && cause['reason'] === 'FieldManagerConflict' ? `${String(cause['message'])}\0${String(cause['field'])}` : undefined));
  if (texts.includes(undefined)) return causes;
  return causes.map((cause, i) => ({ cause, text: texts[i] ?? '' })).toSorted((a, b) => (a.text < b.text ? -1 : 1)).map(({ cause }) => cause);
};

/**
 * Turns what a server answered in one scenario into the normal form of the recordings (README.md): values that differ
 * from run to run become placeholders, numbered by first appearance, keys in alphabetical order, `clusterIPs` before
 * `clusterIP`. A value that breaks a rule (an address out of range, one that another live Service holds, a uid that is no
 * UUID) does not become the expected placeholder, and so shows up as a difference.
 */
export class Normaliser {
  readonly #ranges = new BlockList();
  readonly #managedFields: boolean;
  readonly #placeholders = new Placeholders();
  readonly #revisions = new Map<Json, string>(); // real resourceVersion -> placeholder
  readonly #times = new Map<string, string>(); // uid, field and real time -> placeholder
  readonly #known = new Map<string, string>(); // uid and address or port -> placeholder
  readonly #live = new Map<Identity, Json>(); // address or port -> uid of the Service that holds it
  readonly #literals = new Set<Identity>(); // addresses and ports that stood in a request
  #asked = new Set<Identity>(); // those of the request being answered, bound ones included
  #shown = new Map<string, string>(); // as known, for one request only: what a dry run shows is not kept
  #dry = false;
  #generate = ''; // generateName of the request being answered

  constructor(serviceCidrs: readonly string[], managedFields = false) {
    this.#managedFields = managedFields;
    this.addRanges(serviceCidrs);
  }

  /** Ranges that the cluster has or once had. */
  addRanges(serviceCidrs: readonly string[]): void {
    for (const cidr of serviceCidrs) {
      const [network = '', prefix] = cidr.split('/');
      this.#ranges.addSubnet(network, Number(prefix), family(network) === 'ip6' ? 'ipv6' : 'ipv4');
    }
  }

  /** Takes note of a request (real values) about to be sent: what it asks for by value stays literal. */
  request({ path, query, body }: Pick<RecordedRequest, 'path' | 'query' | 'body'>): void {
    this.#asked = new Set();
    this.#shown = new Map();
    const document = isObject(body) ? body : {};
    const { dryRun, metadata } = document;
    this.#dry =
      (query ?? '').includes('dryRun=All') || (Array.isArray(dryRun) && dryRun.length === 1 && dryRun[0] === 'All');
    const generate = isObject(metadata) && !metadata['name'] ? metadata['generateName'] : undefined;
    this.#generate = typeof generate === 'string' ? generate : '';
    this.#noteText(path);
    if (query !== undefined) this.#noteText(query);
    if (body !== undefined && typeof body !== 'string') this.#note(body);
  }

  /** The real request of a recorded one: a placeholder becomes the value bound to it. */
  expand<T>(value: T): T {
    return this.#placeholders.expand(value as Json) as T;
  }

  /** Normal form of the body of an answer; learns the values in it. */
  response(method: string, status: number, body: Json): Json {
    this.#releaseFirst(method, status, body);
    const normal = this.value(body);
    this.#releaseLast(method, status, body);
    return normal;
  }

  /** Normal form of any value of an answer; `key` is the one it stands under, `status` says that it is part of a Status. */
  value(value: Json, key?: string, status = false): Json {
    if (Array.isArray(value)) return (key === 'causes' ? conflictsInOrder(value) : value).map((item) => this.value(item, key, status));
    if (isObject(value)) return this.#document(value, status);
    if (typeof value !== 'string') return value;
    if (key === 'cells' && age.test(value)) return '$age';
    return status || key === 'cells' ? this.message(value) : this.#placeholders.substitute(value);
  }

  /** Normal form of a text of a Status or a warning: chosen addresses and ports in it are bound as well. */
  message(text: string): string {
    for (const found of text.match(addresses) ?? []) {
      const address = canonical(found);
      if (address && !this.#literals.has(address) && !this.#placeholders.of(found) && this.#inRange(address)) {
        this.#placeholders.bindText(family(address), found);
      }
    }
    for (const found of text.match(ports) ?? []) {
      const port = Number(found);
      if (isNodePort(port) && !this.#literals.has(port) && !this.#placeholders.of(found)) this.#placeholders.bindText('port', port);
    }
    const known = (digits: string): string => this.#revisions.get(digits) ?? digits;
    let normal = this.#placeholders.substitute(text).replace(
      /(resourceVersion\\?":\\?")(\d+)/g,
      (_, before: string, digits: string) => before + known(digits),
    );
    if (/esource version|ResourceVersion in/.test(normal)) normal = normal.replace(/\d+/g, known);
    return normal.replace(timesInText, () => '$time');
  }

  // -- requests ---------------------------------------------------------------------------------------------------------

  #note(value: Json): void {
    if (Array.isArray(value)) value.forEach((item) => this.#note(item));
    else if (isObject(value)) Object.values(value).forEach((item) => this.#note(item));
    else if (typeof value === 'string') this.#noteText(value);
    else if (isNodePort(value)) {
      this.#asked.add(value);
      if (!this.#placeholders.of(String(value))) this.#literals.add(value);
    }
  }

  #noteText(value: string): void {
    const address = canonical(value);
    if (address) {
      this.#asked.add(address);
      if (!this.#placeholders.of(value)) this.#literals.add(address);
      return;
    }
    for (const [, found = ''] of value.matchAll(/=([0-9a-f:.]+)/g)) {
      const selected = canonical(found); // a field selector on an address
      if (selected && !this.#placeholders.of(found)) this.#literals.add(selected);
    }
  }

  // -- answers ----------------------------------------------------------------------------------------------------------

  #document(value: JsonObject, insideStatus: boolean): Json {
    const { metadata, kind, details } = value;
    if (kind === 'Status') {
      // An answer that `ours` covers is not compared with upstream's, so nothing else would notice.
      if (details && !isObject(details)) throw new Error('the details of a Status are no object');
      this.#generatedName(isObject(details) ? details['name'] : undefined);
    }
    if (kind !== 'Status' && isObject(metadata)) return this.#object(value, metadata);
    const normal = copy({});
    for (const key of Object.keys(value).sort()) {
      normal[key] = this.value(value[key] as Json, key, insideStatus || kind === 'Status');
    }
    return normal;
  }

  #object(value: JsonObject, metadata: JsonObject): JsonObject {
    const kind = typeof value['kind'] === 'string' ? value['kind'] : '';
    const isList = Object.hasOwn(value, 'items') || kind.endsWith('List') || kind === 'Table';
    const uid = metadata['uid'];
    const normal = copy(value);
    normal['metadata'] = isList ? this.#listMetadata(metadata) : this.#metadata(metadata);
    for (const key of Object.keys(value).sort()) {
      const part = value[key] as Json;
      if (key === 'metadata') continue;
      normal[key] = key === 'spec' && isObject(part) && !isList ? this.#spec(part, uid) : this.value(part, key);
    }
    return normal;
  }

  #listMetadata(metadata: JsonObject): JsonObject {
    const normal = copy(metadata);
    const { resourceVersion, continue: token } = metadata;
    if (revision.test(String(resourceVersion))) {
      normal['resourceVersion'] = this.#placeholders.bind('listrv', resourceVersion as Json);
    }
    if (token) normal['continue'] = this.#placeholders.bindText('continue', String(token));
    return normal;
  }

  #metadata(metadata: JsonObject): JsonObject {
    const normal = copy(metadata);
    const { uid, generateName, name } = metadata;
    if (generateName && generateName === this.#generate) this.#generatedName(name);
    for (const key of Object.keys(metadata).sort()) {
      const value = metadata[key] as Json;
      if (key === 'uid' && uuid.test(String(value))) {
        normal[key] = this.#placeholders.of(String(value)) ?? this.#placeholders.bindText('uid', String(value));
      } else if (key === 'resourceVersion' && revision.test(String(value))) {
        normal[key] = remember(this.#revisions, value, () => this.#placeholders.bind('rv', value));
      } else if (/^(creation|deletion)Timestamp$/.test(key) && rfc3339.test(String(value))) {
        normal[key] = remember(this.#times, `${String(uid)}\0${key}\0${String(value)}`, () => this.#placeholders.bind('time', value));
      } else if (key !== 'managedFields') {
        normal[key] = this.value(value, key);
      } else if (this.#managedFields && Array.isArray(value)) {
        normal[key] = value.map((entry) =>
          isObject(entry) && rfc3339.test(String(entry['time'])) ? { ...entry, time: '$time' } : entry,
        );
      } else {
        delete normal[key];
      }
    }
    return normal;
  }

  /** The random end of a name, when the request asked for one. */
  #generatedName(name: Json | undefined): void {
    const base = this.#generate.slice(0, generatedBaseLengthMax);
    if (!base || typeof name !== 'string' || !name.startsWith(base) || this.#placeholders.of(name)) return;
    const end = name.slice(base.length);
    if (suffix.test(end)) this.#placeholders.learn(name, base + this.#placeholders.bind('gen', end));
  }

  #spec(spec: JsonObject, uid: Json | undefined): JsonObject {
    const normal = copy(spec);
    // clusterIPs first, so that addresses are numbered in family order.
    for (const key of ['clusterIPs', ...Object.keys(spec).sort().filter((k) => k !== 'clusterIPs')]) {
      const value = spec[key];
      if (value === undefined) continue;
      if (key === 'clusterIPs' && Array.isArray(value)) normal[key] = value.map((item) => this.#address(item, uid));
      else if (key === 'clusterIP') normal[key] = this.#address(value, uid);
      else if (key === 'healthCheckNodePort') normal[key] = this.#nodePort(value, uid);
      else if (key === 'ports' && Array.isArray(value)) normal[key] = value.map((port) => this.#port(port, uid));
      else normal[key] = this.value(value, key);
    }
    return normal;
  }

  #port(port: Json, uid: Json | undefined): Json {
    if (!isObject(port)) return port;
    const normal = copy(port);
    for (const key of Object.keys(port)) {
      const value = port[key] as Json;
      normal[key] = key === 'nodePort' ? this.#nodePort(value, uid) : this.value(value, key);
    }
    return normal;
  }

  #nodePort(value: Json, uid: Json | undefined): Json {
    return isNodePort(value) ? this.#claim('port', value, value, uid) : value;
  }

  #address(text: Json, uid: Json | undefined): Json {
    const address = canonical(text);
    if (!address || !this.#inRange(address)) return text;
    return this.#claim(family(address), text as string, address, uid);
  }

  #inRange(address: string): boolean {
    return this.#ranges.check(address, family(address) === 'ip6' ? 'ipv6' : 'ipv4');
  }

  /** A chosen address or port gets a new placeholder whenever a Service acquires it. */
  #claim(kind: Kind, value: string | number, identity: Identity, uid: Json | undefined): Json {
    const keeps = !this.#dry && !!uid;
    if (this.#literals.has(identity)) {
      if (keeps) this.#live.set(identity, uid as Json);
      return value;
    }
    const key = holding(uid, identity);
    const before = this.#known.get(key) ?? this.#shown.get(key);
    if (before) return before;
    const bound = this.#placeholders.of(String(value));
    const holder = this.#live.get(identity);
    const again = this.#asked.has(identity) || (holder !== undefined && holder !== uid);
    const placeholder = bound && again ? bound : this.#placeholders.bindText(kind, value);
    this.#shown.set(key, placeholder);
    if (keeps) {
      this.#known.set(key, placeholder);
      if (holder === undefined) this.#live.set(identity, uid as Json);
    }
    return placeholder;
  }

  // -- who holds what -----------------------------------------------------------------------------------------------------

  /** What a Service no longer has after this answer is free again. */
  #releaseFirst(method: string, status: number, body: Json): void {
    if (this.#dry || !isObject(body) || !['PUT', 'PATCH'].includes(method) || ![200, 201].includes(status)) return;
    const { metadata, spec } = body;
    if (!isObject(metadata) || !isObject(spec) || !metadata['uid']) return;
    const { clusterIPs, ports: list, healthCheckNodePort } = spec;
    const has = new Set<unknown>([healthCheckNodePort]);
    for (const address of Array.isArray(clusterIPs) ? clusterIPs : []) has.add(canonical(address));
    for (const port of Array.isArray(list) ? list : []) if (isObject(port)) has.add(port['nodePort']);
    this.#free(metadata['uid'], (identity) => !has.has(identity));
  }

  #releaseLast(method: string, status: number, body: Json): void {
    if (this.#dry || !isObject(body) || status !== 200) return;
    for (const item of gone(method, body)) {
      const { metadata, details } = isObject(item) ? item : {};
      const { finalizers, uid } = isObject(metadata) ? metadata : {};
      if (Array.isArray(finalizers) && finalizers.length > 0) continue;
      this.#free(uid || (isObject(details) ? details['uid'] : undefined));
    }
  }

  #free(uid: Json | undefined, which: (identity: Identity) => boolean = () => true): void {
    for (const [identity, holder] of this.#live) if (holder === uid && which(identity)) this.#live.delete(identity);
  }
}

/** The objects that may have ceased to exist with this answer; those with finalizers have not. */
const gone = (method: string, body: JsonObject): Json[] => {
  const { items, metadata } = body;
  if (method === 'DELETE') return Array.isArray(items) ? items : [body];
  const ending = isObject(metadata) && !!metadata['deletionTimestamp'];
  return ending && (method === 'PUT' || method === 'PATCH') ? [body] : [];
};

const remember = <K>(map: Map<K, string>, key: K, make: () => string): string => {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
};
