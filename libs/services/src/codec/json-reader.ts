/**
 * A strict reader of JSON texts from clients. `JSON.parse` cannot serve here: it hides duplicate keys (which upstream
 * reports), overflows the stack on deep texts on some engines, and its objects have a prototype.
 *
 * @see RFC 8259; sigs.k8s.io/json for what upstream notes about duplicates
 */

/** A JSON value as `readJson` makes it: its objects have no prototype, so every key is an ordinary key. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/**
 * `duplicates` holds the paths of keys given more than once in one object (`spec.ports[0].port`), in the order of the
 * text, each once, at most `duplicatesMax`. Of a duplicate the last value and the last place count.
 */
export type JsonText = { value: JsonValue; duplicates: string[] } | { failure: string };

/** Values nested deeper are a failure. Go's limit is 10,000; a Service needs about 10, and 1,000 levels are safe for recursion. */
export const jsonDepthMax = 1_000;
/** As many as upstream notes: without a bound, long keys given often would make a small body take gigabytes. */
const duplicatesMax = 100;

export const isJsonObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const emptyObject = (): JsonObject => Object.create(null) as JsonObject;

export const cloneJson = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(cloneJson);
  if (!isJsonObject(value)) return value;
  const copy = emptyObject();
  for (const key in value) copy[key] = cloneJson(value[key] ?? null);
  return copy;
};

/**
 * Reads one JSON text, nothing before or after it but white space.
 * @returns the value, or a failure that says where (`at position N`, counted in UTF-16 units from 0) and what was expected.
 *   A lone surrogate in an escape becomes U+FFFD, as in Go; numbers are doubles, as `JSON.parse` has them.
 */
export const readJson = (text: string): JsonText => {
  const reader = new Reader(text);
  try {
    return { value: reader.document(), duplicates: reader.duplicates };
  } catch (error) {
    if (error instanceof UnreadableJson) return { failure: error.message };
    throw error;
  }
};

// ignoreBOM keeps a byte order mark in the text, where the reader refuses it, as upstream does.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Like `readJson`, of UTF-8 bytes; bytes that are no UTF-8 are a failure (Go would replace them silently). */
export const readJsonBytes = (bytes: Uint8Array): JsonText => {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return { failure: 'the body is not valid UTF-8' };
    throw error;
  }
  return readJson(text);
};

class UnreadableJson extends Error {}

/** Members whose number was written with a fraction or an exponent, and how. */
const literals = new WeakMap<JsonObject, Map<string, string>>();

/**
 * How a number of an object that `readJson` made was written, when not as a plain integer: Go takes `80.0` and `8e1` for
 * no integer, and a double cannot tell them from `80`. Copies of the object do not know it any more.
 */
export const numberLiteral = (holder: JsonObject, key: string): string | undefined => literals.get(holder)?.get(key);

const [quote, backslash, comma, colon, minus, plus, dot, zero, nine] = [0x22, 0x5c, 0x2c, 0x3a, 0x2d, 0x2b, 0x2e, 0x30, 0x39];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

const escapes = new Map([
  ['"', '"'], ['\\', '\\'], ['/', '/'], ['b', '\b'], ['f', '\f'], ['n', '\n'], ['r', '\r'], ['t', '\t'],
]);

/**
 * The keys of a usual Service, as constants: V8 stores a value under a constant key about five times faster than under
 * one that was just cut out of a text.
 */
const usualKeys = new Map(
  (
    'apiVersion kind metadata name generateName namespace uid resourceVersion creationTimestamp labels annotations finalizers ' +
    'spec ports port targetPort nodePort protocol appProtocol selector app type clusterIP clusterIPs ipFamilies ipFamilyPolicy ' +
    'sessionAffinity internalTrafficPolicy externalTrafficPolicy allocateLoadBalancerNodePorts status loadBalancer ' +
    'app.kubernetes.io/name kubectl.kubernetes.io/last-applied-configuration op path value'
  )
    .split(' ')
    .map((key) => [key, key]),
);

class Reader {
  readonly duplicates: string[] = [];
  private at = 0;
  private depth = 0;
  /** Of the number just read, when it was written with a fraction or an exponent. */
  private literal: string | undefined;
  /** Key or index on the way to the value being read, one per level; only the first `depth` entries count. */
  private readonly path: (string | number)[] = [];

  constructor(private readonly text: string) {}

  document(): JsonValue {
    if (this.text.charCodeAt(0) === 0xfeff) this.fail('a value, not a byte order mark');
    const value = this.value();
    this.skipSpace();
    if (this.at < this.text.length) this.fail('nothing after the value');
    return value;
  }

  private value(): JsonValue {
    switch (this.skipSpace()) {
      case quote:
        return this.string();
      case openBrace:
        return this.object();
      case openBracket:
        return this.array();
      case 0x74:
        return this.word('true', true);
      case 0x66:
        return this.word('false', false);
      case 0x6e:
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private object(): JsonObject {
    const object = emptyObject();
    const level = this.enter();
    let twice: Set<string> | undefined;
    if (this.skipSpace() === closeBrace) return this.leave(object);
    for (;;) {
      if (this.skipSpace() !== quote) this.fail('a key in double quotes');
      const text = this.string();
      const key = usualKeys.get(text) ?? text;
      if (this.skipSpace() !== colon) this.fail('":"');
      this.at++;
      this.path[level] = key;
      if (key in object) {
        if (!(twice ??= new Set()).has(key)) this.noteDuplicate(level);
        twice.add(key);
        literals.get(object)?.delete(key);
        delete object[key]; // So that the key takes the place of its last occurrence, which strict errors are ordered by.
      }
      object[key] = this.value();
      if (this.literal !== undefined) this.keepLiteral(object, key);
      if (this.skipSpace() === closeBrace) return this.leave(object);
      this.expectComma('}');
    }
  }

  private keepLiteral(object: JsonObject, key: string): void {
    const known = literals.get(object) ?? new Map<string, string>();
    if (typeof object[key] === 'number' && this.literal !== undefined) literals.set(object, known.set(key, this.literal));
    this.literal = undefined;
  }

  private array(): JsonValue[] {
    const array: JsonValue[] = [];
    const level = this.enter();
    if (this.skipSpace() === closeBracket) return this.leave(array);
    for (;;) {
      this.path[level] = array.length;
      array.push(this.value());
      if (this.skipSpace() === closeBracket) return this.leave(array);
      this.expectComma(']');
    }
  }

  private enter(): number {
    if (this.depth === jsonDepthMax) throw new UnreadableJson(`nested deeper than ${jsonDepthMax} levels at position ${this.at}`);
    this.at++;
    return this.depth++;
  }

  private leave<T>(value: T): T {
    this.at++;
    this.depth--;
    return value;
  }

  private expectComma(end: string): void {
    if (this.text.charCodeAt(this.at) !== comma) this.fail(`"," or "${end}"`);
    this.at++;
  }

  private string(): string {
    const { text } = this;
    const start = this.at + 1;
    for (let i = start; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === quote) {
        this.at = i + 1;
        return ownCopy(text.slice(start, i));
      }
      if (code === backslash) return this.escapedString(start, i);
      if (code < 0x20) this.failAt(i, 'no bare control character in a string');
    }
    return this.failAt(text.length, 'the closing quote of a string');
  }

  /** @param from just after the opening quote @param firstEscape position of the first backslash */
  private escapedString(from: number, firstEscape: number): string {
    const { text } = this;
    let out = text.slice(from, firstEscape);
    let plainFrom = firstEscape;
    for (let i = firstEscape; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === quote) {
        this.at = i + 1;
        return ownCopy(out + text.slice(plainFrom, i));
      }
      if (code < 0x20) this.failAt(i, 'no bare control character in a string');
      if (code !== backslash) continue;
      out += text.slice(plainFrom, i);
      const next = text[i + 1] ?? this.failAt(text.length, 'the rest of an escape');
      if (next === 'u') {
        const decoded = this.unicodeEscape(i);
        out += decoded.text;
        i = decoded.end - 1;
      } else {
        out += escapes.get(next) ?? this.failAt(i + 1, 'one of "\\/bfnrtu after a backslash');
        i++;
      }
      plainFrom = i + 1;
    }
    return this.failAt(text.length, 'the closing quote of a string');
  }

  /** One `\uXXXX`, or two that make a pair. `end` is the position after it. */
  private unicodeEscape(at: number): { text: string; end: number } {
    const high = this.hex(at + 2);
    const end = at + 6;
    if (high < 0xd800 || high > 0xdfff) return { text: String.fromCharCode(high), end };
    if (high < 0xdc00 && this.text.startsWith('\\u', end)) {
      const low = this.hex(end + 2);
      if (low >= 0xdc00 && low <= 0xdfff) return { text: String.fromCharCode(high, low), end: end + 6 };
    }
    return { text: '\ufffd', end };
  }

  private hex(at: number): number {
    const digits = this.text.slice(at, at + 4);
    return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : this.failAt(at, 'four hexadecimal digits after \\u');
  }

  private number(): number {
    const { text } = this;
    const start = this.at;
    if (text.charCodeAt(this.at) === minus) this.at++;
    if (text.charCodeAt(this.at) === zero) this.at++;
    else this.digits(this.at === start ? 'a value' : 'a digit');
    let whole = true;
    if (text.charCodeAt(this.at) === dot) {
      this.at++;
      this.digits('a digit after the decimal point');
      whole = false;
    }
    if ((text.charCodeAt(this.at) | 0x20) === 0x65) {
      this.at++;
      const sign = text.charCodeAt(this.at);
      if (sign === plus || sign === minus) this.at++;
      this.digits('a digit of the exponent');
      whole = false;
    }
    this.literal = undefined;
    if (whole && this.at - start === 1) return text.charCodeAt(start) - zero;
    const literal = text.slice(start, this.at);
    if (!whole) this.literal = literal;
    return Number(literal);
  }

  private digits(expected: string): void {
    const start = this.at;
    for (let code = this.text.charCodeAt(start); code >= zero && code <= nine; code = this.text.charCodeAt(++this.at));
    if (this.at === start) this.fail(expected);
  }

  private word<T extends boolean | null>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) this.fail('a value');
    this.at += word.length;
    return value;
  }

  /** @returns the code of the next character that is no white space, NaN at the end */
  private skipSpace(): number {
    let code = this.text.charCodeAt(this.at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = this.text.charCodeAt(++this.at);
    return code;
  }

  private noteDuplicate(level: number): void {
    if (this.duplicates.length >= duplicatesMax) return;
    let path = '';
    for (const step of this.path.slice(0, level + 1)) path = childPath(path, step);
    this.duplicates.push(path);
  }

  private fail(expected: string): never {
    return this.failAt(this.at, expected);
  }

  private failAt(position: number, expected: string): never {
    const found = this.text.codePointAt(position);
    const what = found === undefined ? 'the end of the text' : JSON.stringify(String.fromCodePoint(found));
    throw new UnreadableJson(`found ${what} at position ${position}, expected ${expected}`);
  }
}

/** The path of a member in the form of upstream's strict errors: `spec.ports[0].port`. */
export const childPath = (path: string, step: string | number): string => {
  if (typeof step === 'number') return `${path}[${step}]`;
  return path === '' ? step : `${path}.${step}`;
};

/**
 * A slice of 13 or more units keeps its whole parent alive in V8, so a name kept in memory would hold the body it came
 * in, megabytes perhaps. Concatenating and slicing again makes a copy of its own.
 */
const ownCopy = (slice: string): string => (slice.length < 13 ? slice : ` ${slice}`.slice(1));
