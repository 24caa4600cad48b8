import fc from 'fast-check';
import { eventsOf, type RecordedCommand, type RecordedEvent } from './recorded.js';
import { Reassembler } from './reassemble.js';
import { TestLog } from './testing/commands.js';

const log = (cluster: string, count: number): RecordedCommand[] => {
  const made = new TestLog(cluster);
  return Array.from({ length: count }, (_, i) => made.take(`10.0.0.${i}`));
};
const through = (events: readonly RecordedEvent[], from = new Reassembler()): RecordedCommand[] =>
  events.flatMap((event, offset) => from.take(event, BigInt(offset)) ?? []);

describe('Reassembler', () => {
  const [one, two] = log('blue', 2);
  const events = [one!, two!].flatMap(eventsOf);

  it.each([
    ['whole commands', events, [one, two]],
    ['a beginning that is missing', events.slice(1), [two]],
    ['a middle that is missing', [events[0]!, ...events.slice(2)], [two]],
    ['an end that is missing', events.slice(0, -1), [one]],
    ['a command again', [...events, ...events], [one, two, one, two]],
    ['a command again from its beginning on', [events[0]!, events[0]!, events[1]!], [one]],
  ])('of %s', (_, given, expected) => {
    expect(through(given)).toEqual(expected);
  });

  it('says where the first command begins that is not whole', () => {
    const from = new Reassembler();
    expect(from.firstOpenOffset).toBeUndefined();
    from.take(events[0]!, 7n);
    from.take(eventsOf(log('red', 1)[0]!)[0]!, 5n);
    expect(from.firstOpenOffset).toBe(5n);
    from.drop('red');
    expect(from.firstOpenOffset).toBe(7n);
    from.take(events[1]!, 8n);
    expect(from.firstOpenOffset).toBeUndefined();
  });

  it('gives each cluster its commands in order, however clusters, repeats and losses mix', () => {
    const clusters = ['a', 'b', 'c'].map((name) => log(name, 8));
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(15), fc.nat(15)), { maxLength: 12 }), (pieces) => {
      const read = through(pieces.flatMap(([cluster, from, to]) => clusters[cluster]!.flatMap(eventsOf).slice(from, to + 1)));
      for (const command of read) expect(clusters.flat()).toContainEqual(command);
      // A piece that holds a command from beginning to end always yields it.
      for (const [cluster, from, to] of pieces) for (const command of clusters[cluster]!)
        if (command.firstRevision > from && command.revision <= to + 1) expect(read).toContainEqual(command);
    }), { numRuns: 1_000 });
  });
});
