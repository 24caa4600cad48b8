/** `text` = Prometheus text 0.0.4, `openmetrics` = OpenMetrics 1.0.0, which alone can carry exemplars. */
export type ExpositionFormat = 'text' | 'openmetrics';

export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** Chooses by the Accept header; text when in doubt (curl sends a star for both), since everything reads it. Answer with `Vary: Accept`. */
export const negotiateFormat = (accept: string | undefined): ExpositionFormat => {
  const qualityOf = (mediaType: string): number => Math.max(0, ...(accept ?? '').toLowerCase().split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(([type, ...parameters]) => type === mediaType && !parameters.some((p) => p.startsWith('version=') && !knownVersions.has(p)))
    .map(([, ...parameters]) => Number(parameters.find((p) => p.startsWith('q='))?.slice(2) ?? 1) || 0));
  const openmetrics = qualityOf('application/openmetrics-text');
  return openmetrics > 0 && openmetrics >= qualityOf('text/plain') ? 'openmetrics' : 'text';
};
const knownVersions = new Set(['version=1.0.0', 'version=0.0.1', 'version=0.0.4']);

/** 0.5 ms to 5 s: from one commit to a client that gives up. */
export const latencyBucketsSeconds: readonly number[] =
  [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export type Labels<Name extends string> = Readonly<Record<Name, string>>;
export type FamilyOptions<Name extends string> = {
  /** Base unit as plural suffix (`_seconds`, `_bytes`); `_total` on counters and only there. */
  name: string;
  help: string;
  labels?: readonly Name[];
  /** Announced in OpenMetrics; the name, without `_total`, must end in it. */
  unit?: string;
};
type Kind = 'counter' | 'gauge' | 'histogram' | 'info';
type Exemplar = { labels: Readonly<Record<string, string>>; value: number; timestampSeconds: number };
type Sample = { suffix: string; labels: string; value: number; exemplar?: Exemplar };

/** One name with its series: what shares a `# TYPE` line. A series is known by its label values, so none can occur twice. */
abstract class Family<Name extends string, Series> {
  #series = new Map<string, { labels: string; state: Series }>();
  /** What `replace` has not met yet: most series are there again, and their label text is the dear part of them. */
  #before = new Map<string, { labels: string; state: Series }>();
  readonly labelNames: readonly Name[];

  constructor(readonly kind: Kind, readonly options: FamilyOptions<Name>) {
    this.labelNames = options.labels ?? [];
    for (const label of this.labelNames) assertName(label, /^[a-zA-Z_][a-zA-Z0-9_]*$/);
  }

  /** Forgets all series but those that `again` asks for, for a collector that knows them all anew. */
  protected renew(again: () => void): void {
    [this.#before, this.#series] = [this.#series, new Map()];
    again();
    this.#before = new Map();
  }

  protected seriesOf(labels: Labels<Name>, initial: () => Series): Series {
    const key = this.#keyOf(labels);
    let entry = this.#series.get(key);
    if (!entry) {
      const text = this.#before.get(key)?.labels ?? this.labelNames.map((name) => `${name}="${escapeLabelValue(labels[name])}"`).join(',');
      this.#series.set(key, entry = { labels: text, state: initial() });
    }
    return entry.state;
  }

  * samples(): Iterable<Sample> {
    for (const { labels, state } of this.#series.values()) yield* this.samplesOf(state, labels);
  }

  protected abstract samplesOf(state: Series, labels: string): Iterable<Sample>;

  #keyOf(labels: Labels<Name>): string {
    let key = '';
    for (const name of this.labelNames) {
      if (typeof labels[name] !== 'string') throw new TypeError(`${this.options.name}: label ${name} is missing`);
      key += `${labels[name]}\u0000`;
    }
    return key;
  }
}

class Scalar<Name extends string> extends Family<Name, { value: number }> {
  /** On a counter only to pass on a total that someone else counts, such as the kernel. */
  set(labels: Labels<Name>, value: number): void {
    this.seriesOf(labels, zero).value = value;
  }

  protected add(labels: Labels<Name>, by: number): void {
    this.seriesOf(labels, zero).value += by;
  }

  /** Swaps all series at once, so that a scrape never meets half of them and what is gone is gone. */
  replace(rows: Iterable<readonly [Labels<Name>, number]>): void {
    this.renew(() => {
      for (const [labels, value] of rows) this.set(labels, value);
    });
  }

  protected * samplesOf({ value }: { value: number }, labels: string): Iterable<Sample> {
    yield { suffix: '', labels, value };
  }
}
const zero = () => ({ value: 0 });

export class Gauge<Name extends string> extends Scalar<Name> {
  inc(labels: Labels<Name>, by = 1): void {
    this.add(labels, by);
  }
}

/** Only grows. `inc(labels, 0)` makes the series visible, without which `rate()` misses the first error. */
export class Counter<Name extends string> extends Scalar<Name> {
  inc(labels: Labels<Name>, by = 1): void {
    if (!(by >= 0)) throw new RangeError(`${this.options.name}: a counter cannot go down by ${by}`);
    this.add(labels, by);
  }

  protected override * samplesOf({ value }: { value: number }, labels: string): Iterable<Sample> {
    yield { suffix: '_total', labels, value };
  }
}

class Info<Name extends string> extends Scalar<Name> {
  protected override * samplesOf({ value }: { value: number }, labels: string): Iterable<Sample> {
    yield { suffix: '_info', labels, value };
  }
}

type HistogramState = { counts: number[]; sum: number; exemplars: (Exemplar | undefined)[] };

export class Histogram<Name extends string> extends Family<Name, HistogramState> {
  readonly #now: () => number;

  /** @param bounds upper bounds, inclusive, ascending, without the infinite one */
  constructor(options: FamilyOptions<Name>, readonly bounds: readonly number[], now: () => number) {
    super('histogram', options);
    this.#now = now;
    if (bounds.some((bound, index) => !Number.isFinite(bound) || bound <= (bounds[index - 1] ?? -Infinity))) {
      throw new RangeError(`${options.name}: bucket bounds must be finite and ascend`);
    }
  }

  /** @param exemplar labels that lead to this one observation, such as `request_id`; at most 128 characters in all, or it is left out */
  observe(labels: Labels<Name>, value: number, exemplar?: Readonly<Record<string, string>>): void {
    const state = this.seriesOf(labels, this.#empty);
    const found = this.bounds.findIndex((bound) => value <= bound);
    const bucket = found < 0 ? this.bounds.length : found;
    state.counts[bucket]! += 1;
    state.sum += value;
    if (exemplar && [...Object.entries(exemplar).flat().join('')].length <= 128) {
      state.exemplars[bucket] = { labels: exemplar, value, timestampSeconds: this.#now() / 1000 };
    }
  }

  /** Makes the series visible with no observation yet. */
  touch(labels: Labels<Name>): void {
    this.seriesOf(labels, this.#empty);
  }

  /** Shows what someone else counted: observations by bucket, the infinite one last, and their sum. */
  replace(rows: Iterable<readonly [Labels<Name>, { counts: readonly number[]; sum: number }]>): void {
    this.renew(() => {
      for (const [labels, { counts, sum }] of rows) Object.assign(this.seriesOf(labels, this.#empty), { counts, sum });
    });
  }

  readonly #empty = (): HistogramState =>
    ({ counts: new Array<number>(this.bounds.length + 1).fill(0), sum: 0, exemplars: [] });

  protected * samplesOf({ counts, sum, exemplars }: HistogramState, labels: string): Iterable<Sample> {
    let count = 0;
    for (const [index, inBucket] of counts.entries()) {
      count += inBucket;
      const bound = `le="${number(this.bounds[index] ?? Infinity)}"`;
      const exemplar = exemplars[index];
      yield { suffix: '_bucket', labels: labels ? `${labels},${bound}` : bound, value: count, ...(exemplar && { exemplar }) };
    }
    yield { suffix: '_sum', labels, value: sum };
    yield { suffix: '_count', labels, value: count };
  }
}

type AnyFamily = { kind: Kind; options: FamilyOptions<string>; samples(): Iterable<Sample> };
export type Collector = () => void | Promise<void>;

/** How long rendering may hold the event loop at a stretch, but for a single family. */
const turnMs = 3;

/** All metrics of a process, and their exposition. Families appear in the order of their registration. */
export class MetricsRegistry {
  readonly #families = new Map<string, AnyFamily>();
  readonly #collectors: Collector[] = [];
  readonly #now: () => number;
  readonly #collectTimeoutMs: number;
  readonly #own: { duration: Gauge<never>; errors: Counter<never> } | null;
  readonly #waiting: Partial<Record<ExpositionFormat, Promise<string> | undefined>> = {};
  #running: Promise<unknown> = Promise.resolve();

  /**
   * @param collectTimeoutMs one scrape waits no longer than this for its collectors; the scraper's own limit is 10 s
   * @param observesItself false leaves out the two metrics about the scrape, for an exposition beside another one
   */
  constructor({ now = Date.now, collectTimeoutMs = 1000, observesItself = true }: { now?: () => number; collectTimeoutMs?: number; observesItself?: boolean } = {}) {
    [this.#now, this.#collectTimeoutMs] = [now, collectTimeoutMs];
    this.#own = !observesItself ? null : {
      duration: this.gauge({ name: 'ipledger_metrics_collection_duration_seconds', help: 'How long collecting for this scrape took.', unit: 'seconds' }),
      errors: this.counter({ name: 'ipledger_metrics_collection_errors_total', help: 'Collectors that failed or ran out of time.' }),
    };
    this.#own?.errors.inc({}, 0);
  }

  counter<Name extends string = never>(options: FamilyOptions<Name>): Counter<Name> {
    if (!options.name.endsWith('_total')) throw new TypeError(`${options.name}: a counter's name ends in _total`);
    return this.#register(new Counter('counter', options));
  }

  gauge<Name extends string = never>(options: FamilyOptions<Name>): Gauge<Name> {
    return this.#register(new Gauge('gauge', options));
  }

  histogram<Name extends string = never>(options: FamilyOptions<Name> & { buckets?: readonly number[] }): Histogram<Name> {
    return this.#register(new Histogram(options, options.buckets ?? latencyBucketsSeconds, this.#now));
  }

  /** A gauge that is always 1 and says what it has to say in its labels. The name ends in `_info`. */
  info<Name extends string>({ values, ...options }: { name: string; help: string; values: Labels<Name> }): void {
    if (!options.name.endsWith('_info')) throw new TypeError(`${options.name}: the name of an info ends in _info`);
    this.#register(new Info<Name>('info', { ...options, labels: Object.keys(values) as Name[] })).set(values, 1);
  }

  /** Runs before every scrape. What it sets from a query it sets after its last await, in one `replace`: one that ran out of time still goes on. */
  onCollect(collector: Collector): void {
    this.#collectors.push(collector);
  }

  /**
   * The exposition, all of it from one collection. A collector that fails is counted and costs nothing else: what is known is still served.
   * One at a time; scrapes that wait for their turn share one, so that a slow database is not asked once for each.
   */
  render(format: ExpositionFormat): Promise<string> {
    return (this.#waiting[format] ??= this.#inTurn(async () => {
      this.#waiting[format] = undefined;
      await this.#collect();
      return this.#renderAll(format);
    }));
  }

  async #inTurn(work: () => Promise<string>): Promise<string> {
    const turn = this.#running.then(work);
    this.#running = turn.catch(() => undefined);
    return turn;
  }

  /** Thousands of series are long for an event loop that others share: it is let go between families. */
  async #renderAll(format: ExpositionFormat): Promise<string> {
    const blocks: string[] = [];
    let sinceMs = performance.now();
    for (const family of this.#families.values()) {
      blocks.push(renderFamily(family, format));
      if (performance.now() - sinceMs > turnMs) {
        await new Promise((resolve) => { setImmediate(resolve); });
        sinceMs = performance.now();
      }
    }
    return blocks.join('') + (format === 'openmetrics' ? '# EOF\n' : '');
  }

  async #collect(): Promise<void> {
    const startMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('collector timed out')), this.#collectTimeoutMs);
    });
    const results = await Promise.allSettled(this.#collectors.map((collector) => Promise.race([(async () => collector())(), timeout])));
    timeout.catch(() => {}); // with no collector nobody else listens to it
    clearTimeout(timer);
    this.#own?.errors.inc({}, results.filter((result) => result.status === 'rejected').length);
    this.#own?.duration.set({}, (performance.now() - startMs) / 1000);
  }

  #register<F extends AnyFamily>(family: F): F {
    const { name, unit } = family.options;
    assertName(name, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/);
    const base = baseName(family);
    if (this.#families.has(base)) throw new Error(`metric ${name} is registered twice`);
    if (unit !== undefined && !base.endsWith(`_${unit}`)) throw new TypeError(`${name} does not end in its unit ${unit}`);
    this.#families.set(base, family);
    return family;
  }
}

const assertName = (name: string, pattern: RegExp): void => {
  if (!pattern.test(name)) throw new TypeError(`${JSON.stringify(name)} is not a valid name`);
};

/** What OpenMetrics calls the family: without the suffix that its samples add. */
const baseName = ({ kind, options: { name } }: Pick<AnyFamily, 'kind' | 'options'>): string =>
  kind === 'counter' ? name.slice(0, -'_total'.length) : kind === 'info' ? name.slice(0, -'_info'.length) : name;

const renderFamily = (family: AnyFamily, format: ExpositionFormat): string => {
  const base = baseName(family);
  const { name, help, unit } = family.options;
  const isOpenMetrics = format === 'openmetrics';
  const lines = isOpenMetrics
    ? [`# TYPE ${base} ${family.kind}`, ...(unit === undefined ? [] : [`# UNIT ${base} ${unit}`]), `# HELP ${base} ${escapeLabelValue(help)}`]
    : [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${family.kind === 'info' ? 'gauge' : family.kind}`];
  for (const { suffix, labels, value, exemplar } of family.samples()) {
    const trace = isOpenMetrics && exemplar ? renderExemplar(exemplar) : '';
    lines.push(`${base}${suffix}${labels ? `{${labels}}` : ''} ${number(value)}${trace}`);
  }
  return `${lines.join('\n')}\n`;
};

const renderExemplar = ({ labels, value, timestampSeconds }: Exemplar): string => {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escapeLabelValue(text)}"`);
  return ` # {${pairs.join(',')}} ${number(value)} ${timestampSeconds.toFixed(3)}`;
};

// The same text in both formats, also for `le`: "1" here and "1.0" there would be two series to Prometheus 2.
const number = (value: number): string => value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);
const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabelValue = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');
