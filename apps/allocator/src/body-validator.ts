import { Ajv, type ErrorObject, type SchemaObject, type ValidateFunction } from 'ajv';

/** Of a body with more values only the first misfit is told: a validator remembers each of them, and 3 MiB can be wrong a million times. */
const valuesMax = 10_000;

const options = { coerceTypes: false, removeAdditional: false, useDefaults: true, allowUnionTypes: true, verbose: true } as const;

interface BodyValidator {
  (body: unknown): boolean;
  /** Of the last body that did not fit. */
  errors?: ErrorObject[] | null;
}

/** Makes the validators of bodies from the schemas of routes, for Fastify. */
export const validatorCompiler = (): (({ schema }: { schema: SchemaObject }) => BodyValidator) => {
  const one = new Ajv(options);
  const every = new Ajv({ ...options, allErrors: true });
  return ({ schema }) => {
    const fits = one.compile(schema);
    let finds: ValidateFunction | undefined;
    const validate: BodyValidator = (body) => {
      if (fits(body)) return true;
      validate.errors = fits.errors ?? null;
      if (!isSmall(body)) return false;
      finds ??= every.compile(schema); // most routes never see a body that does not fit
      finds(body);
      validate.errors = finds.errors ?? null;
      return false;
    };
    return validate;
  };
};

const isSmall = (body: unknown): boolean => {
  const open = [body];
  for (let seen = 0; open.length > 0; seen++) {
    if (seen + open.length > valuesMax) return false;
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    const members = Object.values(value);
    if (members.length > valuesMax) return false;
    open.push(...members);
  }
  return true;
};
