import type { Claim, ClusterHead, ClusterReader, Document, PortClaim } from '@ipledger/event-store';
import type { Difference } from './difference.js';
import { documentOf, type Expected, type ExpectedDocument } from './expected.js';

const pageRows = 5_000;

/** Rests between two pages, so that a verification in the background leaves the database to those who allocate. */
export type Pause = () => Promise<void>;

/** One table that is derived from the log, as the comparison sees it. */
interface Derived<Row, Key> {
  where: Difference['where'];
  read(after: Row | undefined): Promise<Row[]>;
  keyOf(row: Row): Key;
  expected: ReadonlyMap<Key, unknown>;
  /** What two rows of a key must share, as text for people. */
  describe(row: unknown): string;
}

/**
 * Every row of claims, port claims and documents against the fold. The tables go on changing while they are read: what
 * differs is only a suspect, see `verifyCluster`.
 */
export const compareTables = async (reader: ClusterReader, head: ClusterHead, expected: Expected, pause: Pause): Promise<Difference[]> => {
  const claims: Derived<Claim, string> = {
    where: 'claims', expected: expected.claims, keyOf: ({ address }) => address,
    read: (after) => reader.listClaims(head.id, after?.address, pageRows),
    describe: (row) => holderOf(row as Claim),
  };
  const ports: Derived<PortClaim, number> = {
    where: 'port claims', expected: expected.ports, keyOf: ({ port }) => port,
    read: (after) => reader.listPortClaims(head.id, after?.port, pageRows),
    describe: (row) => `${(row as PortClaim).purpose} of ${holderOf(row as PortClaim)}`,
  };
  const documents: Derived<Document, string> = {
    where: 'documents', expected: expected.documents, keyOf: ({ namespace, name }) => `${namespace}/${name}`,
    read: (after) => reader.listDocuments(head.id, { limit: pageRows, ...(after && { after }) }),
    describe: (row) => {
      const { uid, revision, digest } = 'document' in (row as object) ? documentOf(row as Document) : (row as ExpectedDocument);
      return `${uid} at revision ${revision} with content ${digest}`;
    },
  };
  return [
    ...(await compareOne(head.name, expected.revision, claims, pause)),
    ...(await compareOne(head.name, expected.revision, ports, pause)),
    ...(await compareOne(head.name, expected.revision, documents, pause)),
    ...compareDefinition(head, expected),
  ];
};

const holderOf = ({ namespace, name, uid, revision }: { namespace: string; name: string; uid: string; revision: number }): string =>
  `${namespace}/${name} (${uid}) since revision ${revision}`;

const compareOne = async <Row, Key extends string | number>(cluster: string, revision: number, derived: Derived<Row, Key>, pause: Pause): Promise<Difference[]> => {
  const { where, read, keyOf, expected, describe } = derived;
  const found: Difference[] = [];
  const seen = new Set<Key>();
  for (let after: Row | undefined; ; ) {
    const page = await read(after);
    for (const row of page) {
      const key = keyOf(row);
      const [is, should] = [describe(row), expected.has(key) ? describe(expected.get(key)) : undefined];
      seen.add(key);
      if (should === undefined) found.push({ cluster, where, type: 'leak', key: String(key), revision, what: `is there (${is}), and the log does not say so` });
      else if (is !== should) found.push({ cluster, where, type: 'differs', key: String(key), revision, what: `is ${is}, and the log says ${should}` });
    }
    if (page.length < pageRows) break;
    after = page.at(-1);
    await pause();
  }
  for (const [key, row] of expected) if (!seen.has(key)) found.push({ cluster, where, type: 'missing', key: String(key), revision, what: `is not there, and the log says ${describe(row)}` });
  return found;
};

const compareDefinition = ({ name, definition }: ClusterHead, expected: Expected): Difference[] => {
  const [is, should] = [definition === null ? 'none' : JSON.stringify(JSON.parse(definition)), expected.definition === null ? 'none' : JSON.stringify(expected.definition)];
  return is === should ? [] : [{ cluster: name, where: 'definition', type: 'differs', key: 'the definition', revision: expected.revision, what: `is ${is}, and the log says ${should}` }];
};
