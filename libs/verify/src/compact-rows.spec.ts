import fc from 'fast-check';
import { CompactRows, keyId, type CompactRow } from './compact-rows.js';

const row: fc.Arbitrary<CompactRow> = fc.record({
  revision: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), ms: fc.integer({ min: 0, max: 8.64e15 }), uid: fc.integer({ min: 0, max: 2 ** 32 - 1 }), rest: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const key = fc.integer({ min: 0, max: 400 }).map((n) => `fd00::${n.toString(16)}`);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, row }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('meet' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteWhere' as const), odd: fc.boolean() }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The same with a Map. */
const run = (steps: readonly Step[]): { rows: CompactRows; model: Map<string, CompactRow>; met: Set<string> } => {
  const [rows, model, met] = [new CompactRows(), new Map<string, CompactRow>(), new Set<string>()];
  for (const one of steps) {
    if (one.do === 'set') {
      rows.set(one.key, one.row);
      model.set(one.key, one.row);
    } else if (one.do === 'delete') {
      rows.delete(one.key);
      model.delete(one.key);
      met.delete(one.key);
    } else if (one.do === 'meet') {
      expect(rows.meet(one.key)).toEqual(model.get(one.key));
      if (model.has(one.key)) met.add(one.key);
    } else {
      const gone = ({ uid }: CompactRow): boolean => uid % 2 === Number(one.odd);
      rows.deleteWhere(gone);
      for (const [k, value] of model) if (gone(value)) model.delete(k);
      met.clear();
    }
  }
  return { rows, model, met };
};

const sorted = (list: Iterable<CompactRow>): string[] => [...list].map((one) => JSON.stringify(one)).sort();

describe('compact rows', () => {
  it('hold what a map would, whatever is set, deleted and met', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
      const { rows, model, met } = run(steps.filter((one) => one.do !== 'deleteWhere'));
      expect(rows.size).toBe(model.size);
      for (let n = 0; n <= 400; n++) expect(rows.get(`fd00::${n.toString(16)}`)).toEqual(model.get(`fd00::${n.toString(16)}`));
      expect(sorted([...rows.unmet()].flat())).toEqual(sorted([...model].filter(([k]) => !met.has(k)).map(([, value]) => value)));
      rows.forgetMeetings();
      expect(sorted([...rows.unmet()].flat())).toEqual(sorted(model.values()));
      rows.clear();
      expect([rows.size, rows.get('fd00::1')]).toEqual([0, undefined]);
    }), { numRuns: 1_000 });
  });

  it('delete what is to be deleted and keep the rest', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const { rows, model } = run(steps);
      expect(sorted([...rows.unmet()].flat()).length).toBeLessThanOrEqual(model.size);
      for (const [k, value] of model) expect(rows.get(k)).toEqual(value);
      expect(rows.size).toBe(model.size);
    }), { numRuns: 1_000 });
  });

  it('say in which keys two tables differ', () => {
    const table = fc.dictionary(key, row, { maxKeys: 60 });
    fc.assert(fc.property(table, table, table, (shared, left, right) => {
      const [one, other] = [new CompactRows(), new CompactRows()];
      const [mine, theirs] = [{ ...shared, ...left }, { ...shared, ...right }];
      for (const [k, value] of Object.entries(mine)) one.set(k, value);
      for (const [k, value] of Object.entries(theirs)) other.set(k, value);
      const found = new Map([...one.differing(other, (a, b) => JSON.stringify(a) === JSON.stringify(b))].map(({ id, ...rest }) => [id, rest]));
      const keys = new Set([...Object.keys(mine), ...Object.keys(theirs)].filter((k) => JSON.stringify(mine[k]) !== JSON.stringify(theirs[k])));
      expect(found).toEqual(new Map([...keys].map((k) => [keyId(k), { mine: mine[k], other: theirs[k] }])));
    }), { numRuns: 1_000 });
  });

  it('tell half a million keys apart', () => {
    const rows = new CompactRows();
    const names = (n: number): string => `namespace-${n % 97}/service-${n}`;
    for (let n = 1; n <= 500_000; n++) rows.set(names(n), { revision: n, ms: 0, uid: 0, rest: 0 });
    expect(rows.size).toBe(500_000);
    for (let n = 1; n <= 500_000; n += 997) expect(rows.get(names(n))?.revision).toBe(n);
    expect(rows.get(names(500_001))).toBeUndefined();
  });
});
