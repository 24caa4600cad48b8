import fc from 'fast-check';
import { deliveries, useSets } from './fixture.js';
import { longHistory } from './recorded.js';

describe('a random history', () => {
  const sets = useSets();

  it('leaves the same rows however it is cut into batches and however often they come', async () => {
    const schemas: { size: number; schema: string }[] = [];
    for (const size of [1, 7, 1_000]) schemas.push({ size, schema: await sets.make() });
    await fc.assert(fc.asyncProperty(longHistory, async (log) => {
      const contents = [];
      for (const { size, schema } of schemas) {
        for (const batch of deliveries(log, size)) expect((await sets.apply(schema, batch)).kind).toBe('applied');
        contents.push(await sets.contents(schema));
        await sets.clear(schema);
      }
      expect(contents[1]).toEqual(contents[0]);
      expect(contents[2]).toEqual(contents[0]);
    }), { numRuns: 60 });
  });
});
