import { childPath, emptyObject, isJsonObject, numberLiteral, type JsonObject, type JsonValue } from './json-reader.js';
import { parseTime } from './time.js';

/**
 * Decoding as Go does it, from tables: a `Reader` per Go type, a `struct` per Go struct. `null` is the zero value, names
 * are case-sensitive, unknown and duplicate fields are noted and skipped, a value of the wrong type is a failure.
 *
 * @see sigs.k8s.io/json (bodies), k8s.io/apimachinery/pkg/runtime/converter.go (the result of a strategic patch)
 */
export interface Reader<T> {
  /** Go's name of the type, e.g. `[]v1.ServicePort`. */
  readonly go: string;
  /** @returns undefined for a zero value that is to be left out */
  read(value: JsonValue, walk: Walk): T | undefined;
}

/** Thrown inside a decoding, never across the module: the texts of one value that does not fit. */
export class Misfit extends Error {
  /**
   * @param message our words: the path, what was found and what was expected
   * @param upstream the text of Go's decoder, which the 422 of a PATCH shows
   */
  constructor(message: string, readonly upstream: string) {
    super(message);
  }
}

/** As many notes as upstream keeps. */
const strictMax = 100;

/** Where a decoding stands, and what it has noted. */
export class Walk {
  /** `unknown field "spec.foo"`, `duplicate field "spec.type"`, in the order of the text. */
  readonly strict: string[] = [];
  private readonly path: (string | number)[] = [];
  private readonly goPath: string[] = [];
  private struct = '';
  /** How the number at hand was written, when not as an integer. */
  literal: string | undefined;

  /** @param duplicates paths of the keys that the text had twice @param by whose texts a misfit has: the JSON decoder's or the converter's of strategic patches */
  constructor(
    private readonly duplicates: ReadonlySet<string>,
    readonly by: 'json' | 'converter',
    private readonly quote: (text: string) => string,
  ) {}

  /** From here on values are of that field of that struct. @returns what `leaveField` wants back */
  enterField(struct: string, name: string): string {
    const outer = this.struct;
    this.struct = struct;
    this.goPath.push(name);
    this.enter(name);
    return outer;
  }

  leaveField(outer: string): void {
    this.leave();
    this.goPath.pop();
    this.struct = outer;
  }

  /** One key of a map or one index of a list further. Go's paths do not name those. */
  enter(step: string | number): void {
    this.path.push(step);
    if (this.duplicates.size > 0) this.noteDuplicate();
  }

  leave(): void {
    this.path.pop();
  }

  noteUnknown(name: string): void {
    this.note(`unknown field ${this.quote(childPath(this.here(), name))}`);
  }

  /** @param expected in our words @param go the type that Go names @param restore what the converter says of lists, maps and structs; `unmarshal`: a type that decodes itself */
  misfit(found: JsonValue, expected: string, go: string, restore?: string): never {
    const what = this.literal === undefined ? describe(found) : `the number ${shortened(this.literal)}`;
    const ours = `${shortened(this.here() || 'the body')}: found ${what}, expected ${expected}`;
    throw new Misfit(ours, this.by === 'json' || restore === 'unmarshal' ? this.jsonText(found, go) : converterText(found, go, restore));
  }

  /** A value of the right type with a wrong content. */
  refuse(why: string, upstream: string): never {
    throw new Misfit(`${shortened(this.here())}: ${why}`, upstream);
  }

  private jsonText(found: JsonValue, go: string): string {
    const numeric = go === 'int32' || go === 'int64';
    const what = typeof found === 'number' && numeric ? `number ${this.literal ?? found}` : jsonKind(found);
    const target = this.goPath.length > 0 && this.by === 'json' ? `struct field ${this.struct}.${this.goPath.join('.')}` : 'value';
    return `json: cannot unmarshal ${what} into Go ${target} of type ${go}`;
  }

  private noteDuplicate(): void {
    const here = this.here();
    if (this.duplicates.has(here)) this.note(`duplicate field ${this.quote(here)}`);
  }

  private note(text: string): void {
    if (this.strict.length < strictMax && !this.strict.includes(text)) this.strict.push(text);
  }

  private here(): string {
    let path = '';
    for (const step of this.path) path = childPath(path, step);
    return path;
  }
}

const jsonKind = (value: JsonValue): string => {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'object' ? (Array.isArray(value) ? 'array' : 'object') : typeof value;
};

/** The name of the Go type that an untyped JSON value is decoded to. */
const goKind = (value: JsonValue): string => {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'int64' : 'float64';
  return typeof value === 'string' ? 'string' : Array.isArray(value) ? 'slice' : 'map';
};

const converterText = (found: JsonValue, go: string, restore: string | undefined): string => {
  const kind = goKind(found);
  if (restore !== undefined) return `cannot restore ${restore} ${kind}`;
  const base = go === 'int32' || go === 'int64' || go === 'bool' ? go : 'string';
  // Go's "convertible" of reflection: whole numbers to text, and numbers to numbers.
  const convertible = (kind === 'int64' && base !== 'bool') || (kind === 'float64' && (base === 'int32' || base === 'int64'));
  return convertible ? `cannot convert ${kind} to ${go}` : `unrecognized type: ${base}`;
};

const textMax = 60;
const shortened = (text: string): string => (text.length <= 4 * textMax ? text : `${text.slice(0, 4 * textMax)}…`);

const describe = (value: JsonValue): string => {
  if (value === null) return 'null';
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'an object';
  if (typeof value !== 'string') return `the ${typeof value} ${value}`;
  return `the string ${JSON.stringify(value.length <= textMax ? value : `${value.slice(0, textMax)}…`)}`;
};

// Leaves. A plain value in Go is left out when it is zero; a pointer keeps what it points to.

const textOf = (go: string, keepsZero: boolean): Reader<string> => ({
  go,
  read: (value, walk) => {
    if (typeof value !== 'string') return walk.misfit(value, 'a string', go);
    return value === '' && !keepsZero ? undefined : value;
  },
});

export const text = (go = 'string'): Reader<string> => textOf(go, false);
export const textPointer = (go = 'string'): Reader<string> => textOf(go, true);

const flagOf = (keepsZero: boolean): Reader<boolean> => ({
  go: 'bool',
  read: (value, walk) => {
    if (typeof value !== 'boolean') return walk.misfit(value, 'true or false', 'bool');
    return value || keepsZero ? value : undefined;
  },
});

export const flag = flagOf(false);
export const flagPointer = flagOf(true);

/** int64 is bounded to what a double holds exactly: nothing real is larger, and a rounded number would be a silent change. */
const wholeOf = (go: 'int32' | 'int64', keepsZero: boolean): Reader<number> => {
  const fits = go === 'int32' ? (n: number): boolean => n === (n | 0) : Number.isSafeInteger;
  const expected = go === 'int32' ? 'a whole number of 32 bits' : 'a whole number below 2^53';
  return {
    go,
      read: (value, walk) => {
      if (typeof value !== 'number' || !fits(value) || walk.literal !== undefined) return walk.misfit(value, expected, go);
      return value === 0 ? (keepsZero ? 0 : undefined) : value;
    },
  };
};

export const int32 = wholeOf('int32', false);
export const int32Pointer = wholeOf('int32', true);
export const int64 = wholeOf('int64', false);
export const int64Pointer = wholeOf('int64', true);

/** IntOrString: a string as it is, a number of 32 bits. */
export const intOrText: Reader<number | string> = {
  go: 'intstr.IntOrString',
  read: (value, walk) => {
    if (typeof value === 'string') return value;
    if (typeof value !== 'number' || value !== (value | 0) || walk.literal !== undefined) {
      return walk.misfit(value, 'a string or a whole number of 32 bits', 'int32', 'unmarshal');
    }
    return value === 0 ? 0 : value;
  },
};

const zeroTime = '0001-01-01T00:00:00Z';

/** A time, pointer or not. Go writes its zero time as null, which reads as no time. */
export const time: Reader<string> = {
  go: 'v1.Time',
  read: (value, walk) => {
    if (typeof value !== 'string') return walk.misfit(value, 'a time (RFC 3339)', 'string', 'unmarshal');
    const parsed = parseTime(value);
    if (parsed !== undefined) return parsed === zeroTime ? undefined : parsed;
    return walk.refuse(
      `found ${describe(value)}, expected a time like 2026-01-02T03:04:05Z (RFC 3339)`,
      `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)} as "2006"`,
    );
  },
};

/** Raw JSON, kept as it came: metav1.FieldsV1. */
export const raw: Reader<JsonValue> = { go: 'v1.FieldsV1', read: (value) => value };

// Lists, maps, structs.

export const list = <T>(element: Reader<T>, zero: () => T): Reader<T[]> => ({
  go: `[]${element.go}`,
  read: (value, walk) => {
    if (!Array.isArray(value)) return walk.misfit(value, 'a list', `[]${element.go}`, 'slice from');
    return value.map((item, i) => {
      if (item === null) return zero();
      walk.enter(i);
      const result = element.read(item, walk) ?? zero();
      walk.leave();
      return result;
    });
  },
});

export const textList = (go = 'string'): Reader<string[]> => list(text(go), () => '');

const mapText = text();

export const textMap: Reader<Record<string, string>> = {
  go: 'map[string]string',
  read: (value, walk) => {
    if (!isJsonObject(value)) return walk.misfit(value, 'an object', 'map[string]string', 'map from');
    const map = emptyObject() as Record<string, string>;
    for (const key in value) {
      walk.enter(key);
      map[key] = mapText.read(value[key] ?? '', walk) ?? '';
      walk.leave();
    }
    return map;
  },
};

/**
 * @param go name of the struct, without package
 * @param fields by JSON name, in Go's order
 * @param make a zero value, with the members that are always present
 */
export const struct = <T extends object>(go: string, fields: Record<string, Reader<unknown>>, make: () => T): Reader<T> => {
  const table = new Map(Object.entries(fields));
  return {
    go: `v1.${go}`,
      read: (value, walk) => {
      if (!isJsonObject(value)) return walk.misfit(value, 'an object', `v1.${go}`, 'struct from:');
      return readFields(value, walk, go, table, make());
    },
  };
};

const readFields = <T extends object>(
  value: JsonObject, walk: Walk, go: string, table: ReadonlyMap<string, Reader<unknown>>, out: T,
): T => {
  for (const key in value) {
    const reader = table.get(key);
    if (reader === undefined) {
      walk.noteUnknown(key);
      continue;
    }
    const outer = walk.enterField(go, key);
    const item = value[key] ?? null;
    walk.literal = typeof item === 'number' ? numberLiteral(value, key) : undefined;
    const result = item === null ? undefined : reader.read(item, walk);
    if (result !== undefined) (out as Record<string, unknown>)[key] = result;
    walk.leaveField(outer);
  }
  return out;
};
