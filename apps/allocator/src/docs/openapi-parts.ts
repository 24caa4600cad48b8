/** Pieces of which the OpenAPI document is made. */
export type Json = Record<string, unknown>;

export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
export const json = (schema: Json): Json => ({ 'application/json': { schema } });
export const ok = (description: string, schema: Json): Json => ({ description, content: json(schema) });
export const listOf = (schema: Json): Json => ({ type: 'object', required: ['items'], properties: { items: { type: 'array', items: schema }, continue: { type: 'string', description: 'Missing on the last page' } } });
export const parameter = (name: string): Json => ({ $ref: `#/components/parameters/${name}` });
export const inQuery = (name: string, schema: Json, description: string): Json => ({ name, in: 'query', schema, description });
export const inPath = (name: string, description: string): Json => ({ name, in: 'path', required: true, schema: { type: 'string' }, description });
export const problems = { default: { $ref: '#/components/responses/Problem' } };
export const text = (description: string): Json => ({ type: 'string', description });
export const revision: Json = { type: 'integer', minimum: 0, description: 'Number of an event in its cluster: gapless, in commit order' };
export const family: Json = { enum: ['IPv4', 'IPv6'] };
export const count = (description: string): Json => ({ type: 'integer', minimum: 0, description });
export const write = [parameter('dryRun'), parameter('key')];
