import { badRequest, methodNotAllowed, noSuchResource, type StatusAnswer } from './status.js';

const known = [
  /^\/api\/v1\/services\/?$/,
  /^\/api\/v1\/namespaces\/[^/]+\/services\/?$/,
  /^\/api\/v1\/namespaces\/[^/]+\/services\/[^/]+(\/status)?\/?$/,
];

/**
 * What a request that no route took gets: a known path with another method is 405, anything else in the API is 404.
 * @returns undefined for a path outside every API group that is served, which upstream answers in plain text
 */
export const pathAnswer = (url: string): StatusAnswer | undefined => {
  const path = /^\/clusters\/[^/?]+(\/[^?]*)?/.exec(url)?.[1] ?? '/';
  if (path.startsWith('/api/v1/namespaces//')) return badRequest('Namespace parameter required.');
  if (known.some((pattern) => pattern.test(path))) return methodNotAllowed();
  return /^\/api(\/|$)/.test(path) ? noSuchResource() : undefined;
};
