export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A shallow copy in which `__proto__` is a key like any other. */
export const withoutPrototype = (value: JsonObject): JsonObject =>
  Object.assign(Object.create(null) as JsonObject, value);

/** JSON when it is JSON, else the text. */
export const decode = (text: string): Json => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
};

export type Difference = { path: string; expected: Json; actual: Json };

/** The first place where two documents differ; the order of keys is free. */
export const difference = (expected: Json, actual: Json, path = ''): Difference | undefined => {
  if (isObject(expected) && isObject(actual)) return objectDifference(expected, actual, path);
  if (Array.isArray(expected) && Array.isArray(actual)) return listDifference(expected, actual, path);
  return expected === actual ? undefined : { path, expected, actual };
};

const objectDifference = (expected: JsonObject, actual: JsonObject, path: string): Difference | undefined => {
  for (const key of Object.keys(expected)) {
    const wanted = expected[key] as Json;
    if (!Object.hasOwn(actual, key)) return { path: `${path}.${key}`, expected: wanted, actual: '(absent)' };
    const found = difference(wanted, actual[key] as Json, `${path}.${key}`);
    if (found) return found;
  }
  const extra = Object.keys(actual).find((key) => !Object.hasOwn(expected, key));
  return extra === undefined
    ? undefined
    : { path: `${path}.${extra}`, expected: '(absent)', actual: actual[extra] as Json };
};

const listDifference = (expected: Json[], actual: Json[], path: string): Difference | undefined => {
  for (let i = 0; i < Math.min(expected.length, actual.length); i++) {
    const found = difference(expected[i] as Json, actual[i] as Json, `${path}[${i}]`);
    if (found) return found;
  }
  return expected.length === actual.length
    ? undefined
    : { path: `${path}.length`, expected: expected.length, actual: actual.length };
};

/** Whether every value that `expected` names is the same in `actual`. */
export const covers = (expected: Json, actual: Json | undefined): boolean => {
  if (isObject(expected)) {
    const names = Object.keys(expected);
    return isObject(actual) && names.every((k) => Object.hasOwn(actual, k) && covers(expected[k] as Json, actual[k]));
  }
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && actual.length === expected.length && expected.every((e, i) => covers(e, actual[i]));
  }
  return expected === actual;
};
