import { groupPath, resourcePaths, type Group, type Resource, type Verb } from '../discovery/resources.js';
import { patchTypes } from '../patch-request.js';
import { kindDefinition } from './meta-definitions.js';
import { meta, type Json } from './schema.js';

/** One operation, before it is rendered for OpenAPI v2 or v3. */
interface Operation {
  path: string;
  method: 'get' | 'put' | 'post' | 'delete' | 'patch';
  id: string;
  description: string;
  action: string;
  gvk: Json;
  query: readonly QueryParameter[];
  /** Definition of the body, if there is one. */
  body?: string;
  consumes?: readonly string[];
  /** Definition of the answer. */
  answer: string;
}

type QueryParameter = readonly [name: string, type: 'string' | 'boolean' | 'integer', description: string];

const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const answerTypes = ['application/json', 'application/yaml'];

const dryRun: QueryParameter = ['dryRun', 'string', 'All: decide and answer, change nothing.'];
const writeQuery: readonly QueryParameter[] = [
  dryRun,
  ['fieldManager', 'string', 'Name under which the fields that are written are owned.'],
  ['fieldValidation', 'string', 'What happens to unknown and duplicate fields: Ignore, Warn or Strict.'],
];
const listQuery: readonly QueryParameter[] = [
  ['continue', 'string', 'From the page before.'], ['fieldSelector', 'string', 'Fields to select by.'], ['labelSelector', 'string', 'Labels to select by.'],
  ['limit', 'integer', 'Objects per page.'], ['resourceVersion', 'string', 'Revision to list, or to watch from.'],
  ['resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'],
];
const watchQuery: readonly QueryParameter[] = [
  ['allowWatchBookmarks', 'boolean', 'Whether a watch may send bookmarks.'], ['sendInitialEvents', 'boolean', 'Whether a watch begins with what is there.'],
  ['timeoutSeconds', 'integer', 'Ends a watch.'], ['watch', 'boolean', 'Send changes instead of a list.'],
];
const deleteQuery: readonly QueryParameter[] = [
  dryRun, ['gracePeriodSeconds', 'integer', 'Seconds to end gracefully.'], ['orphanDependents', 'boolean', 'Deprecated, use propagationPolicy.'],
  ['propagationPolicy', 'string', 'Orphan, Background or Foreground.'],
];
const forceQuery: QueryParameter = ['force', 'boolean', 'Take over fields that others own; only for an apply patch.'];

/** The operations of a group, from the verbs that its resources are served with. */
export const operationsOf = (group: Group): Operation[] => group.resources.flatMap((resource) => {
  const paths = resourcePaths(group, resource);
  const operation = operationMaker(group, resource);
  const sub = (resource.subresources ?? []).flatMap(({ name, verbs }) => itemOperations(verbs, `${paths.item}/${name}`, operation, capital(name)));
  const list = resource.verbs.includes('list') && resource.namespaced ? [operation(paths.all, 'get', 'list', 'ForAllNamespaces')] : [];
  return [...list, ...collectionOperations(resource.verbs, paths.collection, operation), ...itemOperations(resource.verbs, paths.item, operation), ...sub];
});

type Maker = (path: string, method: Operation['method'], action: string, suffix?: string) => Operation;

const operationMaker = (group: Group, { kind, namespaced, verbs }: Resource): Maker => {
  const gvk = { group: group.name, version: group.version, kind };
  const definition = kindDefinition(group.name, kind);
  const groupName = capital(group.name.split('.')[0] || 'core');
  const isListed = (action: string): boolean => action === 'list' || action === 'deletecollection';
  return (path, method, action, suffix = '') => ({
    path, method, action, gvk,
    id: `${action}${groupName}V1${namespaced && suffix !== 'ForAllNamespaces' ? 'Namespaced' : ''}${kind}${suffix}`,
    description: `${capital(action)} ${isListed(action) ? `objects of kind ${kind}` : `the ${suffix === 'Status' ? 'status of the ' : ''}${kind}`}`,
    query: queryOf(action, verbs),
    ...bodyOf(action, definition),
    answer: isListed(action) ? `${definition}List` : definition,
  });
};

const queryOf = (action: string, verbs: readonly Verb[]): readonly QueryParameter[] => {
  switch (action) {
    case 'list': return verbs.includes('watch') ? [...listQuery, ...watchQuery] : listQuery;
    case 'post': case 'put': return writeQuery;
    case 'patch': return [...writeQuery, forceQuery];
    case 'delete': return deleteQuery;
    case 'deletecollection': return [...deleteQuery, ...listQuery];
    default: return [];
  }
};

const bodyOf = (action: string, definition: string): Pick<Operation, 'body' | 'consumes'> => {
  if (action === 'patch') return { body: meta('Patch'), consumes: patchTypes };
  if (action === 'post' || action === 'put') return { body: definition, consumes: objectTypes };
  return action.startsWith('delete') ? { body: meta('DeleteOptions'), consumes: objectTypes } : {};
};

const collectionOperations = (verbs: readonly Verb[], path: string, make: Maker): Operation[] => [
  ...(verbs.includes('list') ? [make(path, 'get', 'list')] : []),
  ...(verbs.includes('create') ? [make(path, 'post', 'post')] : []),
  ...(verbs.includes('deletecollection') ? [make(path, 'delete', 'deletecollection')] : []),
];

const itemOperations = (verbs: readonly Verb[], path: string, make: Maker, suffix = ''): Operation[] => [
  ...(verbs.includes('get') ? [make(path, 'get', 'get', suffix)] : []),
  ...(verbs.includes('update') ? [make(path, 'put', 'put', suffix)] : []),
  ...(verbs.includes('patch') ? [make(path, 'patch', 'patch', suffix)] : []),
  ...(verbs.includes('delete') ? [make(path, 'delete', 'delete', suffix)] : []),
];

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

const pathParameters = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
const aboutPath: Record<string, string> = { name: 'Name of the object.', namespace: 'Namespace of the object.' };

const grouped = (operations: readonly Operation[], view: (operation: Operation) => Json): Json => {
  const paths: Record<string, Json> = {};
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method] = view(operation);
  return paths;
};

const common = ({ id, description, action, gvk }: Operation): Json => ({
  operationId: id, description, 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvk,
});
const codeOf = ({ action }: Operation): number => (action === 'post' ? 201 : 200);

export const pathsV3 = (operations: readonly Operation[]): Json => grouped(operations, (operation) => {
  const schema = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
  const content = (types: readonly string[], name: string): Json => Object.fromEntries(types.map((type) => [type, { schema: schema(name) }]));
  const { path, query, body, consumes = [], answer } = operation;
  return {
    ...common(operation),
    parameters: [
      ...pathParameters(path).map((name) => ({ name, in: 'path', required: true, description: aboutPath[name], schema: { type: 'string', uniqueItems: true } })),
      ...query.map(([name, type, description]) => ({ name, in: 'query', description, schema: { type, uniqueItems: true } })),
    ],
    ...(body && { requestBody: { content: content(consumes, body), ...(operation.method !== 'delete' && { required: true }) } }),
    responses: { [codeOf(operation)]: { description: 'OK', content: content(answerTypes, answer) } },
  };
});

export const pathsV2 = (operations: readonly Operation[]): Json => grouped(operations, (operation) => {
  const { path, query, body, consumes = ['*/*'], answer } = operation;
  return {
    ...common(operation),
    consumes, produces: answerTypes,
    parameters: [
      ...pathParameters(path).map((name) => ({ name, in: 'path', required: true, description: aboutPath[name], type: 'string' })),
      ...query.map(([name, type, description]) => ({ name, in: 'query', description, type, uniqueItems: true })),
      ...(body ? [{ name: 'body', in: 'body', required: operation.method !== 'delete', schema: { $ref: `#/definitions/${body}` } }] : []),
    ],
    responses: { [codeOf(operation)]: { description: 'OK', schema: { $ref: `#/definitions/${answer}` } } },
  };
});

/** The key of a group in the index of OpenAPI v3: `api/v1`, `apis/networking.k8s.io/v1`. */
export const indexKey = (group: Group): string => groupPath(group).slice(1);
