import { canonical } from './canonical.js';
import { isObject } from './json.js';
import type { Json } from './json.js';
import type { Answer } from './replay.js';
import { clusters } from './recordings.js';
import type { RequestStep, Scenario, WatchStep } from './recordings.js';

const placeholder = /\$(?:(uid|rv|listrv|time|gen|ip4|ip6|port|continue):(\d+)|listrv|time|age)(?![\w:])/g;
const literal = /[0-9a-f]*[:.][0-9a-f:.]+|\b3[0-2]\d\d\d\b/gi;

/**
 * Answers that a server could have given in a scenario: the recorded ones with real values for the placeholders, each
 * another one. Not for small pools, where a released address would have to come again.
 */
export const possibleAnswers = (scenario: Scenario): Answer[] => {
  const values = realValues(scenario);
  return scenario.steps.flatMap((step) => ('reconfigure' in step ? [] : answer(step, values)));
};

const answer = (step: RequestStep | WatchStep, values: Map<string, string>): Answer => {
  if ('watch' in step) {
    return { status: 200, warnings: [], text: step.events.map((event) => JSON.stringify(real(event, values)) + '\n').join('') };
  }
  const { status, body, warnings = [] } = step.response;
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(real(body, values));
  const quoted = warnings.map((warning) => String(real(warning, values)).replace(/[\\"]/g, '\\$&'));
  return { status, text, warnings: quoted.map((warning) => `299 - "${warning}"`) };
};

const real = (value: Json, values: Map<string, string>, key?: string): Json => {
  if (Array.isArray(value)) return value.map((item) => real(item, values, key));
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, real(v, values, k)]));
  if (typeof value !== 'string') return value;
  const text = value.replace(placeholder, (found) => values.get(found) ?? found);
  return value.startsWith('$port:') && /nodeport$/i.test(key ?? '') ? Number(text) : text;
};

/** A value for every placeholder; addresses and ports are none that stand in the scenario by value. */
const realValues = (scenario: Scenario): Map<string, string> => {
  const values = new Map([
    ['$age', '5s'],
    ['$time', '2024-01-01T00:00:00Z'],
    ['$listrv', '900000'],
  ]);
  const text = JSON.stringify(scenario);
  const taken = new Set((text.match(literal) ?? []).map((found) => canonical(found) ?? found));
  const ranges = [...(clusters[scenario.cluster] ?? [])];
  for (const step of scenario.steps) if ('reconfigure' in step) ranges.push(...step.reconfigure.serviceCIDRs);
  const free: Record<string, Iterator<string>> = {
    ip4: addresses(ranges.find((range) => !range.includes(':')), taken),
    ip6: addresses(ranges.find((range) => range.includes(':')), taken),
    port: ports(taken),
  };
  for (const [name, kind, number] of text.matchAll(placeholder)) {
    if (values.has(name) || kind === undefined) continue;
    values.set(name, free[kind] ? next(free[kind]) : simple(kind, Number(number)));
  }
  return values;
};

const next = (values: Iterator<string>): string => {
  const { done, value } = values.next();
  if (done) throw new Error('no value left for a placeholder');
  return value;
};

const simple = (kind: string, number: number): string => {
  const digits = String(number);
  switch (kind) {
    case 'uid':
      return `00000000-0000-4000-8000-${digits.padStart(12, '0')}`;
    case 'time':
      return new Date(1_700_000_000_000 + number * 1000).toISOString().replace('.000Z', 'Z');
    case 'gen':
      return `g${digits.padStart(4, '0')}`;
    case 'continue':
      return `dG9rZW4${digits}`;
    default:
      return String((kind === 'rv' ? 1000 : 800_000) + number);
  }
};

/** The usable addresses of a range from the far end on: those near the first are asked for by value. */
function* addresses(cidr: string | undefined, taken: Set<string>): Generator<string, undefined> {
  const [network = '', prefix] = cidr?.split('/') ?? [];
  const v6 = network.includes(':');
  const size = cidr ? Math.min(2 ** ((v6 ? 128 : 32) - Number(prefix)), 65_536) : 0;
  for (let offset = v6 ? size - 1 : size - 2; offset > 0; offset--) {
    const address = nth(network, offset);
    if (!taken.has(address)) yield address;
  }
}

function* ports(taken: Set<string>): Generator<string, undefined> {
  for (let port = 30_500; port <= 32_767; port++) if (!taken.has(String(port))) yield String(port);
}

const nth = (network: string, offset: number): string => {
  if (network.includes(':')) return `${network}${offset.toString(16)}`;
  const base = network.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.');
};
