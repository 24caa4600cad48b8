import { problem, ProblemError } from './problem.js';

/** What a validator says of one keyword that a body does not fit. @see https://ajv.js.org/api.html#error-objects (with `verbose`) */
export interface Misfit {
  keyword: string;
  /** JSON pointer to what does not fit; empty = the body. */
  instancePath: string;
  schemaPath: string;
  params: Record<string, unknown>;
  message?: string;
  data?: unknown;
  parentSchema?: { properties?: object; minimum?: number; maximum?: number; minItems?: number; maxItems?: number; oneOf?: readonly { type?: string; const?: unknown }[] };
}

const namedMax = 10;
const shownCharactersMax = 100;

/** A body that does not fit the schema of its route, told like all other bad input: which field, what stands there, why not. */
export const bodyProblem = (misfits: readonly Misfit[]): ProblemError => {
  const problems = misfits.filter(({ schemaPath }) => !schemaPath.includes('/oneOf/')).slice(0, namedMax).map(fieldProblem);
  return new ProblemError(problem('invalid_request', problems.map(({ field, value, why }) => `${field}: ${value === undefined ? '' : `${JSON.stringify(value)} `}${why}`).join('; '), { problems }));
};

/** `value` is undefined where nothing was sent. */
const fieldProblem = (misfit: Misfit): { field: string; value?: unknown; why: string } => {
  const { keyword, instancePath, params, data } = misfit;
  if (keyword === 'required') return { field: fieldOf(instancePath, params['missingProperty']), why: 'is missing' };
  if (keyword === 'additionalProperties') {
    const name = String(params['additionalProperty']);
    const known = Object.keys(misfit.parentSchema?.properties ?? {});
    return { field: fieldOf(instancePath, shortened(name)), value: shortened((data as Record<string, unknown>)[name]), why: `is not known here; ${known.join(', ')} are` };
  }
  if (instancePath === '' && (data === undefined || data === null)) return { field: 'the body', why: 'is empty; send a JSON object' };
  return { field: fieldOf(instancePath), value: shortened(data), why: whyNot(misfit) };
};

const whyNot = ({ keyword, params, message, parentSchema = {} }: Misfit): string => {
  const { minimum = 0, maximum, minItems = 0, maxItems, oneOf = [] } = parentSchema;
  switch (keyword) {
    case 'type': return `must be ${[params['type']].flat().map((type) => kinds[String(type)] ?? String(type)).join(' or ')}`;
    case 'enum': return `must be one of ${(params['allowedValues'] as string[]).join(', ')}`;
    case 'minimum': case 'maximum': return maximum === undefined ? `must be ${minimum} or more` : `must be from ${minimum} to ${maximum}`;
    case 'minItems': case 'maxItems': return maxItems === undefined ? `must have ${minItems} or more entries` : `must have ${minItems} to ${maxItems} entries`;
    case 'minLength': return 'must not be empty';
    case 'maxLength': return `must have at most ${String(params['limit'])} characters`;
    case 'oneOf': return `must be ${oneOf.map((one) => (one.type === undefined ? JSON.stringify(one.const) : kinds[one.type] ?? one.type)).join(' or ')}`;
    default: return message ?? keyword;
  }
};

const kinds: Readonly<Record<string, string>> = { string: 'text', integer: 'a whole number', number: 'a number', boolean: 'true or false', array: 'a list', object: 'an object', null: 'null' };

/** `/serviceCIDRs/0` is serviceCIDRs[0]. */
const fieldOf = (pointer: string, member?: unknown): string => {
  const parts = pointer.split('/').slice(1).concat(member === undefined ? [] : [String(member)]).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return parts.length === 0 ? 'the body' : parts.reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '');
};

/** What is long is shown by its beginning, as text. */
const shortened = (value: unknown): unknown => {
  const text = JSON.stringify(value);
  return text === undefined || text.length <= shownCharactersMax ? value : `${(typeof value === 'string' ? value : text).slice(0, shownCharactersMax)}…`;
};
