import { PostgresEventStore, type ClusterHead } from '@ipledger/event-store';
import { createLogger, kafkaSettings, parseConfig } from '@ipledger/runtime';
import { compareTopics, differenceLine, verifyCluster, verifySharedPools, type Difference } from '@ipledger/verify';
import { rebuildViews } from '@ipledger/views';
import { openDatabases } from './databases.js';
import { Progress } from './progress.js';
import { UsageProblem, type Usage } from './usage.js';

/** Lines on standard output in all; what is beyond is counted. */
const linesMax = 200;

type Kafka = NonNullable<ReturnType<typeof kafkaSettings>>;

/**
 * Compares what is derived from the log with a fresh fold of it, part by part. A part that cannot be compared (a broker that
 * is away, say) keeps none of the others from being told.
 * @param print takes a line for each difference, as it is found
 */
export const runVerify = async (usage: Usage, print = (line: string): void => void process.stdout.write(`${line}\n`)): Promise<{ text: string; exitCode: number }> => {
  const { options } = usage;
  if (options.repairViews && options.clusters !== undefined) throw new UsageProblem('--repair-views builds the views of all clusters; leave --cluster out');
  const parts = chosenParts(options);
  const kafka = kafkaOf(usage);
  const databases = await openDatabases(options);
  const store = new PostgresEventStore({ url: databases.logUrl, max: 2 });
  try {
    const verification = new Verification(store, databases.viewsUrl, await chosen(store, options.clusters), options.clusters, print);
    if (parts.includes('tables')) await verification.part('the tables', () => verification.tables());
    if (parts.includes('views')) await verification.part('the views', () => verification.views(options.repairViews));
    if (!parts.includes('topics')) return verification.answer();
    if (kafka === null) verification.say('topics: not compared, KAFKA_BROKERS is not set');
    else await verification.part('the topics', () => verification.topics(kafka));
    return verification.answer();
  } finally {
    await store.close();
    await databases.close();
  }
};

const allParts = ['tables', 'views', 'topics'];

const chosenParts = ({ parts = allParts, repairViews }: Usage['options']): readonly string[] => {
  const unknown = parts.find((part) => !allParts.includes(part));
  if (unknown !== undefined) throw new UsageProblem(`--part is one of ${allParts.join(', ')}, not "${unknown}"`);
  if (repairViews && !parts.includes('views')) throw new UsageProblem('--repair-views needs the part views');
  return parts;
};

const kafkaOf = ({ env }: Usage): Kafka | null => {
  const parsed = parseConfig('admin', { argv: [], env, isTerminal: false });
  if (parsed.kind !== 'config') throw new UsageProblem(parsed.text);
  return kafkaSettings(parsed.config);
};

const chosen = async (store: PostgresEventStore, names: readonly string[] | undefined): Promise<ClusterHead[]> => {
  const heads = (await store.clusters()).filter(({ revision }) => revision > 0);
  const unknown = names?.find((name) => !heads.some((head) => head.name === name));
  if (unknown !== undefined) throw new UsageProblem(`there is no cluster "${unknown}"`);
  return names === undefined ? heads : heads.filter(({ name }) => names.includes(name));
};

class Verification {
  private readonly told: string[] = [];
  private printed = 0;
  private differences = 0;
  private failures = 0;
  private readonly only: ReadonlySet<string> | undefined;

  constructor(
    private readonly store: PostgresEventStore, private readonly viewsUrl: string, private readonly heads: readonly ClusterHead[],
    names: readonly string[] | undefined, private readonly print: (line: string) => void,
  ) {
    this.only = names && new Set(names);
  }

  /** Runs one part; what it throws is told, and the next one goes on. */
  async part(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.fail(`${name} could not be compared: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  say(line: string): void {
    this.told.push(line);
  }

  async tables(): Promise<void> {
    const total = this.heads.reduce((sum, { revision }) => sum + revision, 0);
    const progress = new Progress('folding the log', 'revisions');
    let [before, found] = [0, 0];
    const aside: string[] = [];
    for (const head of this.heads) {
      const { differences, more, undecided, revision, outOfRange } = await verifyCluster(this.store, head, { onProgress: (reached) => progress.at(before + reached, total) });
      before += revision;
      found += this.find(differences, more);
      if (undecided > 0) this.fail(`${head.name}: ${undecided} rows changed while they were compared, each time; run it again when less happens`);
      if (outOfRange > 0) aside.push(`  ${head.name}: ${outOfRange} held addresses are outside every range of the cluster`);
    }
    const names = new Set(this.heads.map(({ name }) => name));
    found += this.find((await verifySharedPools(this.store)).filter(({ cluster }) => names.has(cluster)), 0);
    progress.end();
    this.say(`tables: ${counted(this.heads.length, 'cluster')}, ${counted(before, 'revision')}: ${verdict(found)}`);
    for (const line of aside) this.say(line);
  }

  /** Builds a set beside the live one to compare. @param repair puts it in the place of one that differs */
  async views(repair: boolean): Promise<void> {
    const progress = new Progress('building views to compare', 'revisions');
    const report = await rebuildViews({
      viewsUrl: this.viewsUrl, store: this.store, swap: repair ? 'when different' : 'never', ...(this.only && { clusters: this.only }),
      onProgress: ({ done, total }) => progress.at(done, total),
    });
    progress.end();
    if (report === undefined) return this.fail('the views could not be compared: there are none of this version; npm run admin -- rebuild views makes them');
    const found = this.findLines([
      ...(report.differences ?? []).map(({ table, cluster, onlyInFirst, onlyInSecond, example }) =>
        `${cluster}: views: ${onlyInSecond === 0 ? 'leak' : onlyInFirst === 0 ? 'missing' : 'differs'}: ${table} has ${counted(onlyInFirst, 'row')} that the log does not say, and lacks ${onlyInSecond}, such as ${example}`),
      ...Object.entries(report.stopped).map(([cluster, reason]) => `${cluster}: views: broken: they stop ${reason}`),
    ]);
    for (const cluster of report.notCompared) this.fail(`${cluster}: the views could not be brought to the revision of the log, so they were not compared`);
    this.say(`views: ${counted(report.revisions, 'revision')}: ${report.differences === null ? 'there were none of this version' : `${verdict(found)}${report.notCompared.length > 0 ? ' in what was compared' : ''}`}${report.swapped ? `; ${report.schema} is live now` : ''}`);
  }

  async topics(kafka: Kafka): Promise<void> {
    const published = await this.store.publishedRevisions();
    const total = [...published.values()].reduce((sum, revision) => sum + revision, 0);
    const progress = new Progress('reading both topics', 'messages');
    const { differences, more } = await compareTopics({
      store: this.store, kafka, logger: createLogger({ level: 'error', format: 'pretty', write: (line) => void process.stderr.write(line) }), published,
      ...(this.only && { clusters: this.only }), onProgress: (messages) => progress.at(messages, Math.max(total, messages)),
    });
    progress.end();
    this.say(`topics: ${verdict(this.find(differences, more))}`);
  }

  answer(): { text: string; exitCode: number } {
    if (this.printed < this.differences) this.told.unshift(`and ${counted(this.differences - this.printed, 'more difference')}`);
    return { text: this.told.join('\n'), exitCode: this.differences > 0 ? 1 : this.failures > 0 ? 2 : 0 };
  }

  private fail(line: string): void {
    this.failures++;
    this.say(line);
  }

  private find(differences: readonly Difference[], more: number): number {
    this.differences += more;
    return this.findLines(differences.map(differenceLine)) + more;
  }

  private findLines(lines: readonly string[]): number {
    this.differences += lines.length;
    for (const line of lines.slice(0, Math.max(0, linesMax - this.printed))) {
      this.printed++;
      this.print(line);
    }
    return lines.length;
  }
}

const counted = (count: number, what: string): string => `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
const verdict = (differences: number): string => (differences === 0 ? 'no difference' : counted(differences, 'difference'));
