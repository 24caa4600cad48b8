import { needInCluster, type Attributes, type Identity, type Need } from './policy.js';

/** What a route asks for. `attributes` of a route in the Kubernetes API of a cluster: verb and resource; the names come with the request. */
export interface Rule {
  need: Need;
  attributes: Omit<Attributes, 'namespace'> | null;
}

/** The parameters of a route that matter here, under these names in every route. */
export interface RouteNames {
  cluster?: string;
  namespace?: string;
  name?: string;
}

const resource = /^\/clusters\/:cluster\/(?:api|apis\/(?<group>[^/:]+))\/[^/:]+(?:\/namespaces\/:namespace)?\/(?<resource>[^/:]+)(?<item>\/:name)?(?:\/(?<subresource>[^/:]+))?$/;
const namespaces = /^\/clusters\/:cluster\/api\/v1\/namespaces(?<item>\/:(?:name|namespace))?$/;

/** The first pattern that matches the route decides; a route nobody thought of is for readers or admins of everything. */
const table: readonly [route: RegExp, reads: Need, changes: Need][] = [
  [/^\/(livez|readyz|docs|openapi\.json|asyncapi\.yaml|schemas\/.*|sign-in\.json|assets\/.*)?$/, 'everyone', 'everyone'],
  [/^\/clusters\/:cluster(\/version|\/api|\/apis|\/api\/v1|\/apis\/[^/]+(\/[^/]+)?|\/openapi\/.*)$/, 'authenticated', 'authenticated'],
  [/^\/clusters\/:cluster(\/|$)/, { role: 'reader', reach: 'cluster' }, { role: 'admin', reach: 'cluster' }],
  [/^\/v1\/clusters$/, 'authenticated', { role: 'admin', reach: 'everything' }], // the list shows what may be read
  [/^\/v1\/clusters\/:cluster(\/kubeconfig)?$/, { role: 'reader', reach: 'part' }, { role: 'admin', reach: 'cluster' }],
  [/^\/v1\/clusters\/:cluster\/(services:{1,2}(batch|topup|import)|reservations(\/.*)?)$/, { role: 'reader', reach: 'cluster' }, { role: 'allocator', reach: 'cluster' }],
  [/^\/v1\/clusters\/:cluster\/preflight$/, { role: 'reader', reach: 'cluster' }, { role: 'reader', reach: 'cluster' }], // asks, changes nothing
  // Of a cluster, or shared: whose a pool is, and so who may, is known when it is found.
  [/^\/v1\/lb-pools(\/:pool(\/(addresses:{1,2}(drain|undrain)|reservations(\/:name)?))?)?$/, { role: 'reader', reach: 'somewhere' }, { role: 'admin', reach: 'somewhere' }],
  [/\/:cluster(\/|$)/, { role: 'reader', reach: 'cluster' }, { role: 'admin', reach: 'cluster' }],
  [/^/, { role: 'reader', reach: 'everything' }, { role: 'admin', reach: 'everything' }],
];

/** What a route needs, from its method and pattern. In the Kubernetes API of a cluster that is what reviews are answered by, too. */
export const ruleOf = (method: string, route: string): Rule => {
  const isRead = method === 'GET' || method === 'HEAD';
  const needed = table.find(([pattern]) => pattern.test(route));
  const need = needed?.[isRead ? 1 : 2] ?? { role: 'admin', reach: 'everything' };
  const attributes = need === 'authenticated' ? null : attributesOf(method, route);
  return attributes === null ? { need, attributes } : { need: needInCluster({ ...attributes, namespace: route.includes('/:namespace/') ? ':namespace' : '' }), attributes };
};

const attributesOf = (method: string, route: string): Rule['attributes'] => {
  const found = (namespaces.exec(route) ?? resource.exec(route))?.groups;
  if (found === undefined) return null;
  const isItem = found['item'] !== undefined;
  const verb = { GET: isItem ? 'get' : 'list', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: isItem ? 'delete' : 'deletecollection' }[method];
  if (verb === undefined) return null;
  return { verb, group: found['group'] ?? '', resource: found['resource'] ?? 'namespaces', subresource: found['subresource'] ?? '' };
};

/** Why not, in upstream's words. @see k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go forbiddenMessage */
export const forbiddenText = (identity: Identity, { attributes }: Rule, names: RouteNames, request: { method: string; path: string; isWatch: boolean }): string => {
  const user = `User ${JSON.stringify(identity.user)}`;
  if (attributes === null) return `${user} cannot ${request.method.toLowerCase()} path ${JSON.stringify(request.path)}`;
  const verb = request.isWatch && attributes.verb === 'list' ? 'watch' : attributes.verb;
  const what = attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
  const where = names.namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(names.namespace)}`;
  return `${user} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(attributes.group)} ${where}`;
};
