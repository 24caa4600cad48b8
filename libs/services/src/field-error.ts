/**
 * One finding about one field, in the form of a Kubernetes `Status` cause. Findings are values: validation returns lists
 * of them in upstream's order, and the caller decides what they make of the request.
 *
 * @see staging/src/k8s.io/apimachinery/pkg/util/validation/field/errors.go, Kubernetes v1.37.2
 */
export interface FieldError {
  /** Path as upstream prints it, e.g. `spec.ports[0].nodePort`. */
  readonly field: string;
  readonly reason: CauseReason;
  /** BODY: what stands after `FIELD: ` in the message of the Status. */
  readonly message: string;
}

export type CauseReason =
  | 'FieldValueInvalid'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'InternalError';

/** A string that upstream types as an enumeration (type, protocol, policy, family, uid…): printed as JSON, not as Go `%q`. */
export class EnumText {
  constructor(readonly text: string) {}
}

export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${printValue(value)}${detail === '' ? '' : `: ${detail}`}`,
});

export const required = (field: string, detail = ''): FieldError => ({
  field,
  reason: 'FieldValueRequired',
  message: detail === '' ? 'Required value' : `Required value: ${detail}`,
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  field,
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${printValue(value)}`,
});

/** @param supported in upstream's order, which is alphabetical but for a few fields */
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  field,
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${printValue(value)}: supported values: ${supported.map((s) => JSON.stringify(s)).join(', ')}`,
});

export const forbidden = (field: string, detail: string): FieldError => ({
  field,
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${detail}`,
});

export const tooLong = (field: string, maxBytes: number): FieldError => ({
  field,
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${maxBytes} bytes`,
});

export const internalError = (field: string, detail: string): FieldError => ({
  field,
  reason: 'InternalError',
  message: `Internal error: ${detail}`,
});

/**
 * Drops what says the same as an earlier error (same field and body), as full validation does upstream since 1.36: on an
 * update most metadata errors are found three times.
 */
export const withoutRepeats = (errors: readonly FieldError[]): FieldError[] => {
  if (errors.length < 2) return [...errors];
  const seen = new Set<string>();
  return errors.filter((error) => {
    const key = `${error.field}\0${error.message}`;
    return !seen.has(key) && seen.add(key);
  });
};

const printValue = (value: unknown): string => {
  if (typeof value === 'string') return goQuote(value);
  if (value instanceof EnumText) return goJson(value.text);
  if (value === undefined || value === null) return 'null';
  return goJson(value);
};

/** JSON as Go's encoder writes it: `<`, `>`, `&`, U+2028 and U+2029 escaped. */
export const goJson = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (inner instanceof EnumText ? inner.text : inner)).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const goEscapes: Record<string, string> = {
  '"': '\\"', '\\': '\\\\', '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v',
};

/** Go's `%q`: printable Unicode as it is, the rest as `\a`, `\x01`, `\u200b`, `\U000e0001`. @see strconv.Quote */
export const goQuote = (text: string): string => {
  let out = '"';
  for (const c of text) {
    const code = c.codePointAt(0) ?? 0;
    if (goEscapes[c] !== undefined) out += goEscapes[c];
    else if (c === ' ' || isGoPrintable(c)) out += c;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code < 0x10000) out += `\\u${code.toString(16).padStart(4, '0')}`;
    else out += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return `${out}"`;
};

/** strconv.IsPrint: letters, marks, numbers, punctuation and symbols; the only printable space is U+0020. */
const isGoPrintable = (c: string): boolean => /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(c);
