import { Ajv } from 'ajv';
import { bodyProblem, type Misfit } from './body-problem.js';

const schema = {
  type: 'object', required: ['name'], additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 5 }, kind: { enum: ['a', 'b'] }, size: { type: 'integer', minimum: 1, maximum: 9 }, rate: { type: ['number', 'null'], minimum: 2 },
    list: { type: 'array', minItems: 1, maxItems: 2, items: { type: 'object', properties: { deep: { type: 'boolean' } } } }, who: { oneOf: [{ type: 'array' }, { const: 'all' }] },
  },
};
const validate = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true }).compile(schema);
const told = (body: unknown) => {
  validate(body);
  return bodyProblem((validate.errors ?? []) as readonly Misfit[]).problem;
};

describe('a body that does not fit its schema', () => {
  it.each<[string, unknown, string]>([
    ['nothing at all', undefined, 'the body: is empty; send a JSON object'],
    ['a list', [1], 'the body: [1] must be an object'],
    ['a member too few', {}, 'name: is missing'],
    ['a member too many', { name: 'n', nmae: 'x' }, 'nmae: "x" is not known here; name, kind, size, rate, list, who are'],
    ['another type', { name: 7 }, 'name: 7 must be text'],
    ['one of two types', { name: 'n', rate: 'fast' }, 'rate: "fast" must be a number or null'],
    ['no word of the list', { name: 'n', kind: 'c' }, 'kind: "c" must be one of a, b'],
    ['a number too large', { name: 'n', size: 10 }, 'size: 10 must be from 1 to 9'],
    ['a number too small', { name: 'n', rate: 1 }, 'rate: 1 must be 2 or more'],
    ['an empty text', { name: '' }, 'name: "" must not be empty'],
    ['a long text', { name: 'longer' }, 'name: "longer" must have at most 5 characters'],
    ['an empty list', { name: 'n', list: [] }, 'list: [] must have 1 to 2 entries'],
    ['a member deep inside', { name: 'n', list: [{ deep: true }, { deep: 1 }] }, 'list[1].deep: 1 must be true or false'],
    ['none of the alternatives', { name: 'n', who: 'some' }, 'who: "some" must be a list or "all"'],
    ['two things', { kind: 'c' }, 'name: is missing; kind: "c" must be one of a, b'],
  ])('%s is told with field, value and why', (_, body, detail) => {
    expect(told(body)).toMatchObject({ status: 400, code: 'invalid_request', detail, retriable: false });
  });

  it('names each field for machines', () =>
    expect(told({ kind: 'c' })['problems']).toEqual([{ field: 'name', why: 'is missing' }, { field: 'kind', value: 'c', why: 'must be one of a, b' }]));

  it('stays short, whatever was sent', () => {
    const { detail } = told(Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`${'x'.repeat(1_000)}${i}`, 'y'.repeat(1_000)])));
    expect(detail.length).toBeLessThan(4_000);
  });
});
