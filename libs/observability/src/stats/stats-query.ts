import { invalidRequest } from '@ipledger/runtime';

/** The filters that every statistic takes; null = all. */
export interface Filters {
  clusters: string[] | null;
  pools: string[] | null;
  families: string[] | null;
  namespaces: string[] | null;
  /** `cluster-ip`, `load-balancer`. */
  kinds: string[] | null;
  lbPools: string[] | null;
}

type Query = Readonly<Record<string, unknown>>;
const valuesMax = 1_000;

/** The value of a parameter; given twice, the values together. */
const textOf = (query: Query, name: string): string => {
  const value = query[name];
  return Array.isArray(value) ? value.join(',') : typeof value === 'string' ? value : '';
};

export const filtersIn = (query: Query): Filters => ({
  clusters: listIn(query, 'cluster'), pools: listIn(query, 'pool'), families: listIn(query, 'family'), namespaces: listIn(query, 'namespace'),
  kinds: listIn(query, 'kind'), lbPools: listIn(query, 'lbPool'),
});

/**
 * Several values, separated by commas; also `{a,b}`, as Grafana writes a variable with several values. What stands for "All"
 * there is no filter. A CIDR may be percent-encoded twice: once by the variable, once by the URL.
 * @throws ProblemError past 1,000 values
 */
const listIn = (query: Query, name: string): string[] | null => {
  const text = textOf(query, name).trim().replace(/^\{(.*)\}$/s, '$1');
  if (['', '$__all', 'All', '*', '.*', '.+'].includes(text)) return null;
  const values = text.split(',').map((value) => value.trim().replace(/%2F/gi, '/').replace(/%3A/gi, ':')).filter((value) => value !== '');
  if (values.length > valuesMax) throw invalidRequest(name, `${values.length} values`, `are too many; at most ${valuesMax}`);
  return values;
};

/**
 * An instant: Unix time in milliseconds or seconds, or ISO 8601 with a zone. Numbers below 10^11 are seconds (until the year 5138).
 * @throws ProblemError
 */
export const timeIn = (query: Query, name: string, otherwiseMs: number): number => {
  const text = textOf(query, name);
  if (text === '') return otherwiseMs;
  const isIso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = /^\d{1,15}(\.\d+)?$/.test(text) ? Math.floor(Number(text) * (Number(text) < 1e11 ? 1000 : 1)) : isIso ? Date.parse(text) : NaN;
  if (ms >= 0 && ms <= 8.64e15) return ms;
  throw invalidRequest(name, text, 'is no instant; write 1764072000, 1764072000000 or 2025-11-25T12:00:00Z (a + in a URL is %2B)');
};

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** A span such as 30s, 5m or 1h, as Grafana writes `$__interval`; a bare number is seconds. @throws ProblemError */
export const spanIn = (query: Query, name: string): number | null => {
  const text = textOf(query, name);
  if (text === '') return null;
  const [, number = '', unit = 's'] = /^(\d{1,10}(?:\.\d{1,3})?)(ms|s|m|h|d|w)?$/.exec(text) ?? [];
  const ms = Number(number) * unitMs[unit as keyof typeof unitMs];
  if (number !== '' && ms > 0) return ms;
  throw invalidRequest(name, text, 'is no span of time; write 60s, 5m, 1h or a number of seconds');
};

/** From when to when. @throws ProblemError when it ends before it begins */
export const rangeIn = (query: Query, nowMs: number): { fromMs: number; toMs: number } => {
  const toMs = timeIn(query, 'to', nowMs);
  const fromMs = timeIn(query, 'from', toMs - 6 * unitMs.h);
  if (fromMs > toMs) throw invalidRequest('from', textOf(query, 'from'), `is after to (${new Date(toMs).toISOString()})`);
  return { fromMs, toMs };
};

/** One of a few words. @throws ProblemError */
export const wordIn = <Word extends string>(query: Query, name: string, words: readonly Word[], otherwise?: Word): Word => {
  const text = textOf(query, name);
  if (text === '' && otherwise !== undefined) return otherwise;
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  throw invalidRequest(name, text, `is not one of ${words.join(', ')}`);
};
