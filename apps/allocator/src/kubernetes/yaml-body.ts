import type { JsonText, JsonValue } from '@ipledger/services';
import { isAlias, isMap, isScalar, isSeq, parseDocument, type Alias, type Document, type Scalar, type Tags, type YAMLMap } from 'yaml';
import { numbersWithDigits } from './yaml-tags.js';

/**
 * Larger bodies are refused: parsing costs up to 8 ms a KiB, during which this process does nothing else. JSON has no such
 * bound (kubectl sends JSON whatever the file was).
 */
export const yamlBytesMax = 64 * 1024;
/** Values after aliases are expanded: a few lines of anchors can stand for billions. */
const valuesMax = 100_000;
const depthMax = 200;

type Failure = { failure: string };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads one YAML document as upstream does before it decodes JSON: YAML 1.1 (`yes` and `on` are booleans, `010` is 8), with
 * aliases and merge keys; times stay texts; keys become texts. Objects have no prototype.
 * @returns like `readJson`: the tree and the paths of duplicate keys (the last one counts), or why it cannot be read.
 *   Unlike upstream, which ignores all documents but the first, several are a failure.
 * @see sigs.k8s.io/yaml YAMLToJSON
 */
export const readYamlBytes = (bytes: Uint8Array): JsonText => {
  if (bytes.length > yamlBytesMax) return { failure: `a YAML body may have at most ${yamlBytesMax} bytes; send JSON` };
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return { failure: 'the body is not valid UTF-8' };
    throw error;
  }
  return readYaml(text);
};

const readYaml = (text: string): JsonText => {
  const document = parseDocument(text, { version: '1.1', uniqueKeys: false, prettyErrors: false, logLevel: 'error', customTags: withoutObjects });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem?.code === 'MULTIPLE_DOCS') return { failure: `a second document begins at position ${problem.pos[0]}` };
  if (problem !== undefined) return { failure: `${problem.message.split('\n', 1)[0]} at position ${problem.pos[0]}` };
  const conversion = new Conversion(document);
  try {
    return { value: conversion.value(document.contents, ''), duplicates: conversion.duplicates };
  } catch (error) {
    if (error instanceof NotJson) return { failure: error.message } satisfies Failure;
    throw error;
  }
};

/** Tags whose values are no JSON. A time then stays the text it is, as with upstream's decoder. */
const withoutObjects = (tags: Tags): Tags =>
  numbersWithDigits(tags).filter((tag) => typeof tag === 'string' || (!/:(timestamp|binary|omap|pairs|set)$/.test(tag.tag) && !('format' in tag && tag.format === 'TIME')));

class NotJson extends Error {}

class Conversion {
  readonly duplicates: string[] = [];
  private values = 0;
  private depth = 0;

  constructor(private readonly document: Document) {}

  value(node: unknown, path: string): JsonValue {
    if (++this.values > valuesMax) throw new NotJson(`more than ${valuesMax} values, aliases expanded`);
    if (this.depth > depthMax) throw new NotJson(`nested deeper than ${depthMax} levels`);
    if (isAlias(node)) return this.inside(() => this.value(this.anchored(node, path), path));
    if (isMap(node)) return this.inside(() => this.object(node, path));
    if (isSeq(node)) return this.inside(() => node.items.map((item, i) => this.value(item, `${path}[${i}]`)));
    return isScalar(node) ? scalarValue(node, path) : null;
  }

  private inside<T>(convert: () => T): T {
    this.depth++;
    const result = convert();
    this.depth--;
    return result;
  }

  private anchored(alias: Alias, path: string): unknown {
    const node = alias.resolve(this.document);
    if (node === undefined) throw new NotJson(`${path || 'the document'}: there is no anchor &${alias.source} before this alias`);
    return node;
  }

  /** Members of the map itself win over merged ones (`<<`), of those the first. */
  private object(node: YAMLMap, path: string): JsonValue {
    const object = Object.create(null) as Record<string, JsonValue>;
    const merged: JsonValue[] = [];
    for (const { key, value } of node.items) {
      if (isMergeKey(key)) {
        const source = this.value(value, path);
        merged.push(...(Array.isArray(source) ? source : [source]));
        continue;
      }
      const name = keyText(isAlias(key) ? this.anchored(key, path) : key, path);
      const memberPath = path === '' ? name : `${path}.${name}`;
      if (name in object) this.noteDuplicate(memberPath);
      delete object[name]; // The last occurrence has the place, too: unknown and repeated fields are reported in that order.
      object[name] = this.value(value, memberPath);
    }
    for (const source of merged) mergeInto(object, source, path);
    return object;
  }

  private noteDuplicate(path: string): void {
    if (this.duplicates.length < 100 && !this.duplicates.includes(path)) this.duplicates.push(path);
  }
}

const isMergeKey = (key: unknown): boolean =>
  isScalar(key) && key.type === 'PLAIN' && (key.value === '<<' || (typeof key.value === 'symbol' && key.value.description === '<<'));

const mergeInto = (object: Record<string, JsonValue>, source: JsonValue, path: string): void => {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) throw new NotJson(`${path || 'the document'}: "<<" merges no map`);
  for (const name in source) if (!(name in object)) object[name] = source[name] ?? null;
};

const keyText = (key: unknown, path: string): string => {
  const value: unknown = isScalar(key) ? key.value : undefined;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new NotJson(`${path || 'the document'}: a key is no text, number or boolean`);
};

const scalarValue = ({ value }: Scalar, path: string): JsonValue => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new NotJson(`${path || 'the document'}: a value is none that JSON has`);
};
