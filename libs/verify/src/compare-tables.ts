import type { Claim, ClusterHead, ClusterReader, CoolingAddress, Document, PortClaim, StoredReservation } from '@ipledger/event-store';
import type { Difference, Findings } from './difference.js';
import { documentOf, type Expected, type ExpectedDocument } from './expected.js';
import { rowsInMemory, type Pace } from './pace.js';

/** One table that is derived from the log, as the comparison sees it. */
interface Derived<Row, Key> {
  where: Difference['where'];
  read(after: Row | undefined): Promise<Row[]>;
  keyOf(row: Row): Key;
  expected: ReadonlyMap<Key, unknown>;
  /** What two rows of a key must share, as text for people. */
  describe(row: unknown): string;
  /** Whether a row means anything: one whose time is over may be there or not. */
  counts?(row: unknown): boolean;
}

/**
 * Every row of claims, port claims, documents, reservations and cool-downs against the fold. The tables go on changing while
 * they are read: what differs is only a suspect, see `verifyCluster`.
 * @param now before it every row has ended that says so
 */
export const compareTables = async (reader: ClusterReader, head: ClusterHead, expected: Expected, pace: Pace, now: Date, findings: Findings): Promise<void> => {
  compareDefinition(head, expected, findings);
  for (const derived of [...held(reader, head, expected, pace), ...heldBack(reader, head, expected, pace, now)])
    await compareOne(derived, pace, (type, key, what) => findings.add({ cluster: head.name, where: derived.where, type, key, revision: expected.revision, what }));
};

/** Keys and rows go together per table only, which the compiler cannot follow through a list. */
type AnyDerived = Derived<never, never>;

const held = (reader: ClusterReader, { id }: ClusterHead, expected: Expected, { pageRows }: Pace): AnyDerived[] => {
  const claims: Derived<Claim, string> = {
    where: 'claims', expected: expected.claims, keyOf: ({ address }) => address,
    read: (after) => reader.listClaims(id, after?.address, pageRows),
    describe: (row) => holderOf(row as Claim),
  };
  const ports: Derived<PortClaim, number> = {
    where: 'port claims', expected: expected.ports, keyOf: ({ port }) => port,
    read: (after) => reader.listPortClaims(id, after?.port, pageRows),
    describe: (row) => `${(row as PortClaim).purpose} of ${holderOf(row as PortClaim)}`,
  };
  const documents: Derived<Document, string> = {
    where: 'documents', expected: expected.documents, keyOf: ({ namespace, name }) => `${namespace}/${name}`,
    read: (after) => reader.listDocuments(id, { limit: pageRows, ...(after && { after }) }),
    describe: (row) => {
      const { uid, revision, digest } = 'document' in (row as object) ? documentOf(row as Document) : (row as ExpectedDocument);
      return `${uid} at revision ${revision} with content ${digest}`;
    },
  };
  return [claims, ports, documents] as unknown as AnyDerived[];
};

const heldBack = (reader: ClusterReader, { id }: ClusterHead, expected: Expected, { pageRows }: Pace, now: Date): AnyDerived[] => {
  const reservations: Derived<StoredReservation, string> = {
    where: 'reservations', expected: expected.reservations, keyOf: ({ name }) => name,
    read: (after) => reader.listReservations(id, after?.name, pageRows),
    describe: (row) => {
      const { cidr, first, last, until, owner, reason, revision } = row as StoredReservation;
      return `${first} to ${last} in ${cidr} ${until === null ? 'for ever' : `until ${new Date(until).toISOString()}`} for ${owner} (${reason}) since revision ${revision}`;
    },
    counts: (row) => !hasEnded((row as StoredReservation).until, now),
  };
  const cooling: Derived<CoolingAddress, string> = {
    where: 'cool-downs', expected: expected.cooling, keyOf: ({ address }) => address,
    read: (after) => reader.listCooling(id, after?.address, pageRows),
    describe: (row) => `until ${(row as CoolingAddress).until.toISOString()} after ${holderOf(row as CoolingAddress)}`,
    counts: (row) => !hasEnded((row as CoolingAddress).until, now),
  };
  return [reservations, cooling] as unknown as AnyDerived[];
};

const hasEnded = (until: Date | string | null, now: Date): boolean => until !== null && new Date(until) <= now;

const holderOf = ({ namespace, name, uid, revision }: { namespace: string; name: string; uid: string; revision: number }): string =>
  `${namespace}/${name} (${uid}) since revision ${revision}`;

const compareOne = async <Row, Key extends string | number>(
  { read, keyOf, expected, describe, counts = () => true }: Derived<Row, Key>, { pageRows, pause }: Pace, say: (type: Difference['type'], key: string, what: string) => void,
): Promise<void> => {
  const seen = new Set<Key>();
  for (let after: Row | undefined; ; ) {
    const page = await read(after);
    for (const row of page.filter(counts)) {
      const key = keyOf(row);
      const [is, should] = [describe(row), expected.has(key) && counts(expected.get(key)) ? describe(expected.get(key)) : undefined];
      seen.add(key);
      if (should === undefined) say('leak', String(key), `is there (${is}), and the log does not say so`);
      else if (is !== should) say('differs', String(key), `is ${is}, and the log says ${should}`);
    }
    if (page.length < pageRows) break;
    after = page.at(-1);
    await pause();
  }
  let looked = 0;
  for (const [key, row] of expected) {
    if (!seen.has(key) && counts(row)) say('missing', String(key), `is not there, and the log says ${describe(row)}`);
    if (++looked % (pageRows * rowsInMemory) === 0) await pause();
  }
};

const compareDefinition = ({ name, definition }: ClusterHead, expected: Expected, findings: Findings): void => {
  const [is, should] = [definition === null ? 'none' : respelt(definition), expected.definition === null ? 'none' : JSON.stringify(expected.definition)];
  if (is !== should) findings.add({ cluster: name, where: 'definition', type: 'differs', key: 'the definition', revision: expected.revision, what: `is ${is}, and the log says ${should}` });
};

/** The same JSON in another spelling says the same; what is no JSON stands as it is. */
const respelt = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
};
