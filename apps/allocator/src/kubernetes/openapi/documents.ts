import { kubernetesVersion } from '../discovery/documents.js';
import { groups, type Group } from '../discovery/resources.js';
import { metaDefinitions, networkingDefinitions, reviewDefinitions } from './meta-definitions.js';
import { operationsOf, pathsV2, pathsV3 } from './operations.js';
import { intOrString, renderAll, type Json, type Schema } from './schema.js';
import { serviceDefinitions } from './service-definitions.js';

const definitions: Readonly<Record<string, Schema>> = { ...serviceDefinitions, ...networkingDefinitions, ...reviewDefinitions, ...metaDefinitions };
const info = { title: 'Kubernetes', version: `v${kubernetesVersion}` };

/** The OpenAPI v3 document of one group: its paths, and every definition that they reach. */
export const openApiV3 = (group: Group): Json => {
  const paths = pathsV3(operationsOf(group));
  const schemas = renderAll(closureOf(paths), 3);
  // The one schema that v3 can say better: in v2 it is a text with a format.
  if (schemas[intOrString]) schemas[intOrString] = { description: schemas[intOrString]['description'], format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] };
  return { openapi: '3.0.0', info, paths, components: { schemas } };
};

/** The OpenAPI v2 document of all groups, which kubectl up to 1.28 checks manifests with, and every kubectl `kind: List`. */
export const openApiV2 = (): Json => {
  const operations = groups.flatMap(operationsOf);
  return { swagger: '2.0', info, paths: pathsV2(operations), definitions: renderAll(closureOf(pathsV3(operations)), 2) };
};

const closureOf = (paths: Json): Record<string, Schema> => {
  const reached = new Set<string>();
  const follow = (schema: Schema): void => {
    if (schema.ref !== undefined) reach(schema.ref);
    for (const inner of [schema.items, schema.values, ...Object.values(schema.properties ?? {})]) if (inner !== undefined) follow(inner);
  };
  const reach = (name: string): void => {
    const schema = definitions[name];
    if (schema === undefined) throw new Error(`an OpenAPI document refers to ${name}, which is not defined`);
    if (reached.has(name)) return;
    reached.add(name);
    follow(schema);
  };
  for (const [, name] of JSON.stringify(paths).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) reach(name ?? '');
  return Object.fromEntries([...reached].sort().map((name) => [name, definitions[name] as Schema]));
};
