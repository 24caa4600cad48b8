import { invalidRequest } from '@ipledger/runtime';
import type { FastifyInstance } from 'fastify';
import { openApiDocument } from './docs/openapi.js';
import { isFor } from './request-context.js';

interface Operation {
  parameters?: readonly { $ref?: string; in?: string; name?: string }[];
}

/** Refuses a change under `/v1` with a query parameter that its route does not have: `?dryrun=All` is not to be done for real. */
export const refuseUnknownParameters = (fastify: FastifyInstance): void => {
  const known = parametersByRoute();
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.method === 'GET' || !isFor('/v1/', request)) return done();
    const names = known.get(`${request.method} ${documented(request.routeOptions.url ?? '')}`);
    const unknown = names && Object.entries(request.query as Record<string, unknown>).find(([name]) => !names.includes(name));
    if (unknown === undefined || names === undefined) return done();
    done(invalidRequest(unknown[0].slice(0, 60), String(unknown[1]).slice(0, 60), `is no parameter of this request; ${names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`}`));
  });
};

/** A route as the OpenAPI document writes it: `/v1/clusters/:cluster/cidrs::drain` is `/v1/clusters/{cluster}/cidrs:drain`. */
export const documented = (route: string): string => route.replaceAll(/:(:?)(\w+)/g, (_, colon, name) => (colon === '' ? `{${name}}` : `:${name}`));

const parametersByRoute = (): ReadonlyMap<string, readonly string[]> => {
  const { paths, components } = openApiDocument('');
  const shared = components.parameters as Readonly<Record<string, { in: string; name: string }>>;
  return new Map(Object.entries(paths as Record<string, Record<string, Operation>>).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { parameters = [] }]) => [
      `${method.toUpperCase()} ${path}`,
      parameters.map((one) => (one.$ref === undefined ? one : shared[one.$ref.split('/').at(-1) ?? ''])).flatMap((one) => (one?.in === 'query' && one.name !== undefined ? [one.name] : [])),
    ] as const)));
};
