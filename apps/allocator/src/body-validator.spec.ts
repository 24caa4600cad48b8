import { validatorCompiler } from './body-validator.js';

describe('the validator of a body', () => {
  const schema = { type: 'object', additionalProperties: false, properties: { names: { type: 'array', items: { type: 'string' } }, size: { type: ['integer', 'null'], default: 7 }, rest: {} } };
  const validate = validatorCompiler()({ schema });
  const misfits = (body: unknown): string[] | undefined => (validate(body) ? undefined : validate.errors?.map(({ instancePath }) => instancePath));

  it('finds everything that does not fit', () => {
    expect(misfits({ names: ['a', 1, 2], size: 'x' })).toEqual(['/names/1', '/names/2', '/size']);
    expect(misfits(undefined)).toEqual(['']);
  });

  it('finds nothing in what fits, however large, and fills in what is not said', () => {
    const body = { names: Array.from({ length: 20_000 }, () => 'a') };
    expect(misfits(body)).toBeUndefined();
    expect(body).toMatchObject({ size: 7 });
  });

  it.each<[string, unknown]>([
    ['wide', { names: Array.from({ length: 10_000 }, () => 1) }],
    ['deep', { names: [1, 2], rest: Array.from({ length: 101 }, () => Array.from({ length: 100 }, () => 0)) }],
  ])('remembers the first misfit only of a body that is large: %s', (_, body) => expect(misfits(body)).toEqual(['/names/0']));
});
