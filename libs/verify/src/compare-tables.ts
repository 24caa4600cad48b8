import type { Claim, ClusterHead, ClusterReader, CoolingAddress, Document, PortClaim, StoredLbAttached, StoredLbMember, StoredLbWaiting, StoredReservation } from '@ipledger/event-store';
import { serviceKey } from '@ipledger/services';
import { hashOf, type CompactRow, type CompactRows } from './compact-rows.js';
import type { Difference, Findings } from './difference.js';
import { compactClaim, compactCooling, holderName, type Expected } from './expected.js';
import { attachedKeyOf, attachedWords, memberKeyOf, memberWords, waitingKeyOf, waitingWords } from './expected-lb.js';
import { claimWords, coolingWords, digestOf, digestOfText, documentWords, InLog } from './in-log.js';
import { Occupancy } from './occupancy.js';
import { rowsInMemory, type Pace } from './pace.js';

/**
 * Every row of claims, port claims, documents, reservations, cool-downs and what is derived about LB pools against the fold, and the definition. The tables go on changing while
 * they are read: what differs is only a suspect, see `verifyCluster`.
 * @param now before it every row has ended that says so
 */
export const compareTables = async (reader: ClusterReader, head: ClusterHead, expected: Expected, pace: Pace, now: Date, findings: Findings): Promise<Occupancy> => {
  const comparison = new Comparison(reader, head, expected, pace, now, findings);
  comparison.definition();
  const occupancy = await comparison.claims();
  await comparison.ports();
  await comparison.documents();
  await comparison.reservations();
  await comparison.cooling();
  await comparison.loadBalancers();
  return occupancy;
};

type Say = (type: Difference['type'], key: string, what: () => Promise<string> | string) => Promise<void>;

class Comparison {
  private readonly inLog: InLog;

  constructor(
    private readonly reader: ClusterReader, private readonly head: ClusterHead, private readonly expected: Expected, private readonly pace: Pace, private readonly now: Date,
    private readonly findings: Findings,
  ) {
    this.inLog = new InLog(reader, head.id);
  }

  definition(): void {
    const { name, definition } = this.head;
    const [is, should] = [definition === null ? 'none' : respelt(definition), this.expected.definition === null ? 'none' : JSON.stringify(this.expected.definition)];
    if (is !== should) this.findings.add({ cluster: name, where: 'definition', type: 'differs', key: 'the definition', revision: this.expected.revision, what: `is ${is}, and the log says ${should}` });
  }

  async claims(): Promise<Occupancy> {
    const occupancy = new Occupancy(this.expected.definition);
    await this.compact<Claim>('claims', this.expected.claims, (after) => this.reader.listClaims(this.head.id, after?.address, this.pace.pageRows), {
      keyOf: ({ address }) => address, compactOf: compactClaim, words: claimWords,
      onMet: ({ address }) => occupancy.take(address),
    });
    return occupancy;
  }

  async cooling(): Promise<void> {
    await this.compact<CoolingAddress>('cool-downs', this.expected.cooling, (after) => this.reader.listCooling(this.head.id, after?.address, this.pace.pageRows), {
      keyOf: ({ address }) => address, compactOf: compactCooling, words: coolingWords,
      counts: ({ ms }) => ms > this.now.getTime(),
    });
  }

  /** The content is compared with the log itself, since the fold does not keep it. */
  async documents(): Promise<void> {
    const { documents } = this.expected;
    const [say, words] = [this.sayOf('documents'), ({ uid, revision, document }: Document): string => documentWords(uid, revision, digestOfText(document))];
    documents.forgetMeetings();
    await this.pages((after: Document | undefined) => this.reader.listDocuments(this.head.id, { limit: this.pace.pageRows, ...(after && { after }) }), async (page) => {
      const known = page.map((row) => ({ row, key: serviceKey(row.namespace, row.name), should: documents.meet(serviceKey(row.namespace, row.name)) }));
      const logged = await this.inLog.rowsAt(known.flatMap(({ row, should }) => (should?.revision === row.revision ? [should.revision] : [])));
      for (const { row, key, should } of known) {
        if (should === undefined) await say('leak', key, () => `is there (${words(row)}), and the log does not say so`);
        // The same text stands in the event, as a rule; then there is nothing to parse. With what stands around it: `{}` stands in every event.
        else if (should.revision !== row.revision || should.uid !== hashOf(row.uid) || (logged.get(row.revision)?.events.includes(`"object":${row.document}}`) !== true && !(await this.isLogged(row))))
          await say('differs', key, async () => `is ${words(row)}, and the log says ${(await this.inLog.told(should.revision)).what}`);
      }
    });
    await this.missing('documents', documents);
  }

  private async isLogged({ revision, document }: Document): Promise<boolean> {
    const event = (await this.inLog.eventAt(revision))?.event;
    return event !== undefined && 'object' in event.data && digestOf(event.data.object) === digestOfText(document);
  }

  async ports(): Promise<void> {
    await this.whole<PortClaim, number>('port claims', this.expected.ports, (after) => this.reader.listPortClaims(this.head.id, after?.port, this.pace.pageRows), {
      keyOf: ({ port }) => port, words: (row) => `${row.purpose} of ${holderName(row)} since revision ${row.revision}`,
    });
  }

  async reservations(): Promise<void> {
    await this.whole<StoredReservation, string>('reservations', this.expected.reservations, (after) => this.reader.listReservations(this.head.id, after?.name, this.pace.pageRows), {
      keyOf: ({ name }) => name,
      words: ({ cidr, first, last, until, owner, reason, revision }) =>
        `${first} to ${last} in ${cidr} ${until === null ? 'for ever' : `until ${new Date(until).toISOString()}`} for ${owner} (${reason}) since revision ${revision}`,
      counts: ({ until }) => until === null || new Date(until) > this.now,
    });
  }

  async loadBalancers(): Promise<void> {
    const { reader, head: { id }, pace: { pageRows }, expected: { lb } } = this;
    await this.whole<StoredLbMember, string>('load balancer addresses', lb.members, (after) => reader.listLbMembers(id, after, pageRows), { keyOf: memberKeyOf, words: memberWords });
    await this.whole<StoredLbWaiting, string>('load balancer waits', lb.waiting, (after) => reader.listLbWaiting(id, after, pageRows), { keyOf: waitingKeyOf, words: waitingWords });
    await this.whole<StoredLbAttached, string>('load balancer attachments', lb.attached, (after) => reader.listLbAttached(id, after, pageRows), { keyOf: attachedKeyOf, words: attachedWords });
  }

  /** A table of which the fold keeps hashes. */
  private async compact<Row extends { revision: number }>(
    where: Difference['where'], expected: CompactRows, read: (after: Row | undefined) => Promise<Row[]>,
    { keyOf, compactOf, words, onMet, counts = () => true }: { keyOf(row: Row): string; compactOf(row: Row): CompactRow; words(row: Row): string; onMet?(row: Row): void; counts?(row: CompactRow): boolean },
  ): Promise<void> {
    const say = this.sayOf(where);
    expected.forgetMeetings();
    await this.pages(read, async (page) => {
      for (const row of page) {
        const [key, is] = [keyOf(row), compactOf(row)];
        if (!counts(is)) continue;
        const met = expected.meet(key);
        const should = met && counts(met) ? met : undefined;
        if (should !== undefined) onMet?.(row);
        if (should === undefined) await say('leak', key, () => `is there (${words(row)}), and the log does not say so`);
        else if (is.revision !== should.revision || is.ms !== should.ms || is.uid !== should.uid || is.rest !== should.rest)
          await say('differs', key, async () => `is ${words(row)}, and the log says ${(await this.inLog.told(should.revision)).what}`);
      }
    });
    await this.missing(where, expected, counts);
  }

  private async missing(where: Difference['where'], expected: CompactRows, counts: (row: CompactRow) => boolean = () => true): Promise<void> {
    for (const rows of expected.unmet()) {
      for (const { revision } of rows.filter(counts)) {
        if (this.findings.isFull) this.findings.more++;
        else {
          const { key, what } = await this.inLog.told(revision);
          await this.sayOf(where)('missing', key, () => `is not there, and the log says ${what}`);
        }
      }
      await this.pace.pause();
    }
  }

  /** A table that the fold keeps as it is. */
  private async whole<Row, Key extends string | number>(
    where: Difference['where'], expected: ReadonlyMap<Key, Row>, read: (after: Row | undefined) => Promise<Row[]>, { keyOf, words, counts = () => true }: { keyOf(row: Row): Key; words(row: Row): string; counts?(row: Row): boolean },
  ): Promise<void> {
    const say = this.sayOf(where);
    const seen = new Set<Key>();
    await this.pages(read, async (page) => {
      for (const row of page.filter(counts)) {
        const key = keyOf(row);
        const found = expected.get(key);
        const should = found !== undefined && counts(found) ? words(found) : undefined;
        seen.add(key);
        if (should === undefined) await say('leak', String(key), () => `is there (${words(row)}), and the log does not say so`);
        else if (words(row) !== should) await say('differs', String(key), () => `is ${words(row)}, and the log says ${should}`);
      }
    });
    let looked = 0;
    for (const [key, row] of expected) {
      if (!seen.has(key) && counts(row)) await say('missing', String(key), () => `is not there, and the log says ${words(row)}`);
      if (++looked % (this.pace.pageRows * rowsInMemory) === 0) await this.pace.pause();
    }
  }

  private async pages<Row>(read: (after: Row | undefined) => Promise<Row[]>, take: (page: Row[]) => Promise<void>): Promise<void> {
    for (let after: Row | undefined; ; ) {
      const page = await read(after);
      await take(page);
      if (page.length < this.pace.pageRows) return;
      after = page.at(-1);
      await this.pace.pause();
    }
  }

  /** Words are only found for what will be told. */
  private sayOf(where: Difference['where']): Say {
    return async (type, key, what) => {
      if (this.findings.isFull) this.findings.more++;
      else this.findings.add({ cluster: this.head.name, where, type, key, revision: this.expected.revision, what: await what() });
    };
  }
}

/** The same JSON in another spelling says the same; what is no JSON stands as it is. */
const respelt = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
};
