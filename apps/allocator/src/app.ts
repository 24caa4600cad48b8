import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { openGuard, type AccessSetUp } from '@ipledger/access';
import { answerProbes, Connections, httpEdgeOptions, markEveryAnswer, type MetricsRegistry } from '@ipledger/runtime';
import { readJsonBytes } from '@ipledger/services';
import { LogFollowers } from '@ipledger/views';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AllocatorModule, type AllocatorOptions } from './allocator.module.js';
import { bodyProblem, type Misfit } from './body-problem.js';
import { validatorCompiler } from './body-validator.js';
import { bodyBytesMax, ErrorFilter } from './error.filter.js';
import { refuseTimeouts } from './kubernetes/timeout.js';
import { WatchFeeds } from './kubernetes/watch-feed.js';
import { Assigner } from './load-balancer/assigner.js';
import { AllocatorMetrics } from './metrics.js';
import { problem, ProblemError } from './problem.js';
import { refuseUnknownParameters } from './query-parameters.js';
import { isFor } from './request-context.js';
import type { VerifyObserver } from './verify-regularly.js';
import { Writers } from './writer/writers.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The bytes of a body that was parsed under `/v1`. */
    rawBody?: Uint8Array;
  }
  interface FastifyContextConfig {
    /** A route under `/v1` that reads its body itself: its bytes, or the stream of them when it comes as lines. */
    readsBody?: boolean;
  }
}

export interface Allocator {
  /** @returns the port, which the system chooses when 0 is given */
  listen(port: number, host: string): Promise<number>;
  /** Takes no more requests, answers those that were taken, then returns. */
  close(): Promise<void>;
  /** Serves on, but asks every client to send its next request elsewhere. Then wait until balancers have noticed, and close. */
  turnAway(): void;
  /** A request of the process to its own API, past the network. */
  asItself(method: 'GET' | 'POST', path: string, body?: object): Promise<{ status: number; body: string }>;
  /** Every route there is. */
  routes: readonly { method: string; path: string }[];
  /** What the process counts, for whatever else runs in it. */
  registry: MetricsRegistry;
  /** Gives Services the load balancer addresses that they wait for, once it is started. */
  assigner: Assigner;
  /** Told of what a scheduled verification finds. */
  verifyObserver: VerifyObserver;
}

/**
 * Makes the HTTP server of the command side over a store that is ready.
 * @param access who gets in; without it everybody may do everything
 */
export const createAllocator = async (options: AllocatorOptions, access?: AccessSetUp): Promise<Allocator> => {
  const adapter = new FastifyAdapter({
    ...(access?.tls && { https: access.tls.options }),
    ...httpEdgeOptions,
    bodyLimit: bodyBytesMax,
    schemaErrorFormatter: (misfits) => bodyProblem(misfits as readonly Misfit[]),
  });
  const app = await NestFactory.create<NestFastifyApplication>(AllocatorModule.of({ ...options, ...(access && { signIn: access.signIn, trusted: () => access.tls?.trusted ?? '' }) }), adapter, { bodyParser: false, logger: false });
  const errors = app.get(ErrorFilter);
  app.useGlobalFilters(errors);
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  const routes = listRoutes(fastify);
  const connections = new Connections(fastify);
  fastify.setValidatorCompiler(validatorCompiler());
  markEveryAnswer(fastify);
  keepFromCaches(fastify);
  answerProbes(fastify);
  parseBodies(fastify);
  observeRequests(fastify, app.get(AllocatorMetrics));
  const guard = access?.guard ?? openGuard();
  guard.install(fastify, (refused, request, reply) => errors.answer(refused, request, reply));
  refuseUnknownParameters(fastify);
  refuseTimeouts(fastify);
  await app.init();
  access?.observe(app.get(AllocatorMetrics).registry);
  access?.tls?.serve(fastify.server as Server);
  return {
    routes,
    asItself: async (method, path, body) => {
      const answer = await fastify.inject({ method, url: path, headers: { authorization: `Bearer ${guard.access.ownToken}` }, ...(body && { payload: body }) });
      return { status: answer.statusCode, body: answer.body };
    },
    assigner: app.get(Assigner),
    registry: app.get(AllocatorMetrics).registry,
    verifyObserver: app.get(AllocatorMetrics).verify,
    listen: async (port, host) => {
      await app.listen(port, host);
      return (app.getHttpServer().address() as AddressInfo).port;
    },
    turnAway: () => connections.turnAway(),
    close: async () => {
      app.get(WatchFeeds).end();
      app.get(LogFollowers).end();
      await connections.endWith(() => app.close());
      await app.get(Writers).stop();
    },
  };
};

/** As upstream (staging/src/k8s.io/apiserver/pkg/server/filters/cache_control.go): no proxy may answer with what was true a while ago. */
const keepFromCaches = (fastify: FastifyInstance): void => {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (isFor('/clusters/', request) || isFor('/v1/', request)) void reply.header('cache-control', 'no-cache, private');
    done();
  });
};

/**
 * Under `/clusters/` bodies stay bytes: the strict decoder reads them, since order and texts of errors matter there. Under
 * `/v1` they are JSON, read by the same reader (repeated keys are refused), before the schema of the route.
 */
const parseBodies = (fastify: FastifyInstance): void => {
  fastify.removeAllContentTypeParsers();
  // Fastify refuses a type that it cannot read, even where there is no body, which upstream does not look at.
  fastify.addHook('onRequest', (request, _reply, done) => {
    const type = request.raw.headers['content-type'];
    if (type !== undefined && isFor('/clusters/', request) && !/^[\w.+-]+\/[\w.+-]+\s*(;|$)/.test(type)) request.raw.headers['content-type'] = 'unreadable/type';
    done();
  });
  // The usual type by its name as well: Fastify then need not look for the nearest match.
  fastify.addContentTypeParser(['application/json', '*'], { parseAs: 'buffer' }, (request: FastifyRequest, body: Buffer, done) => {
    parseBody(request, body, done);
  });
  // Lines are read as they come where a route takes them. Elsewhere the type is refused, whatever the body would say: a byte stands for it.
  fastify.addContentTypeParser('application/x-ndjson', (request: FastifyRequest, lines: IncomingMessage, done) => {
    if (request.routeOptions.config.readsBody === true) done(null, lines);
    else parseBody(request, Buffer.from('\n'), done);
  });
};

const parseBody = (request: FastifyRequest, body: Buffer, done: (error: Error | null, body?: unknown) => void): void => {
  if (isFor('/clusters/', request) || request.routeOptions.config.readsBody === true) return done(null, body);
  request.rawBody = body;
  try {
    done(null, readV1Body(request.headers['content-type'], body));
  } catch (error) {
    done(error as Error);
  }
};

const readV1Body = (contentType: string | undefined, body: Buffer): unknown => {
  if (body.length === 0) return undefined;
  if (contentType !== undefined && !/^application\/json\s*(;|$)/i.test(contentType))
    throw new ProblemError(problem('unsupported_media_type', `the body is ${JSON.stringify(contentType)}; send application/json`));
  const parsed = readJsonBytes(body);
  if ('failure' in parsed) throw new ProblemError(problem('invalid_request', `the body is not JSON: ${parsed.failure}`));
  if (parsed.duplicates.length > 0) throw new ProblemError(problem('invalid_request', `the body names ${parsed.duplicates.join(', ')} twice`));
  return parsed.value;
};

const listRoutes = (fastify: FastifyInstance): { method: string; path: string }[] => {
  const routes: { method: string; path: string }[] = [];
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, path: url });
  });
  return routes;
};

const observeRequests = (fastify: FastifyInstance, metrics: AllocatorMetrics): void => {
  fastify.addHook('onResponse', (request, reply, done) => {
    metrics.request(request.routeOptions.url ?? '(none)', request.method, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
};
