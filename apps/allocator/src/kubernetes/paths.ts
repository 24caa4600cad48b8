import { groupPath, groups, resourcePaths } from './discovery/resources.js';
import { badRequest, methodNotAllowed, noSuchResource, type StatusAnswer } from './status.js';

const pattern = (path: string): RegExp => new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}/?$`);

/** Every path that some method is served at, but the documents of discovery and OpenAPI, which are only read. */
const known = groups.flatMap((group) => group.resources.flatMap((resource) => {
  const { all, collection, item } = resourcePaths(group, resource);
  return [...new Set([all, collection]), ...(resource.verbs.includes('get') ? [item] : []), ...(resource.subresources ?? []).map(({ name }) => `${item}/${name}`)];
})).concat('/api/v1/namespaces', '/api/v1/namespaces/{namespace}', '/api/v1/events', '/api/v1/namespaces/{namespace}/events').map(pattern);

const roots = ['/api', ...groups.filter(({ name }) => name !== '').map((group) => groupPath(group).split('/').slice(0, 3).join('/'))];

/**
 * What a request that no route took gets: a known path with another method is 405, anything else in a group that is
 * served is 404.
 * @returns undefined for a path outside every API group that is served, which upstream answers in plain text
 */
export const pathAnswer = (url: string): StatusAnswer | undefined => {
  const path = /^\/clusters\/[^/?]+(\/[^?]*)?/.exec(url)?.[1] ?? '/';
  if (path.startsWith('/api/v1/namespaces//')) return badRequest('Namespace parameter required.');
  if (known.some((candidate) => candidate.test(path))) return methodNotAllowed();
  return roots.some((root) => path === root || path.startsWith(`${root}/`)) ? noSuchResource() : undefined;
};
