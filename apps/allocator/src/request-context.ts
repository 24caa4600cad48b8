import { createHash } from 'node:crypto';
import { identityOf } from '@ipledger/access';
import type { Command } from '@ipledger/services';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Order } from './writer/order.js';
import { newCommandId } from './writer/random.js';

const userAgentCharsMax = 256;

/**
 * Who sent a request: what the log remembers of it. `actor` is the user; null when nobody is asked who he is.
 */
export interface RequestContext {
  requestId: string;
  actor: string | null;
  userAgent: string | null;
  traceparent: string | null;
}

export const requestContext = (request: FastifyRequest): RequestContext => ({
  requestId: request.id,
  actor: identityOf(request).actor,
  userAgent: header(request, 'user-agent')?.slice(0, userAgentCharsMax) ?? null,
  traceparent: validTraceparent(header(request, 'traceparent')),
});

/** W3C Trace Context, version 00; anything else is not passed on. */
const validTraceparent = (text: string | undefined): string | null =>
  text !== undefined && /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(text) ? text : null;

/** Whether a request is for the routes below a path. Its own path may write any letter as an escape (`/%63lusters/`); the router reads those. */
export const isFor = (prefix: '/clusters/' | '/v1/', request: FastifyRequest): boolean =>
  request.url.startsWith(prefix) || (request.url.includes('%') && request.routeOptions.url?.startsWith(prefix) === true);

export const header = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** Why an Idempotency-Key cannot be used; undefined when it can, or when there is none. */
export const idempotencyKeyProblem = (request: FastifyRequest): string | undefined => {
  const key = header(request, 'idempotency-key');
  return key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)
    ? undefined
    : 'the header Idempotency-Key must be 1 to 255 printable ASCII characters without spaces, such as a UUID';
};

/** An order from a request. The fingerprint covers everything that says what is asked: method, path, query, type, body. */
export const orderOf = (request: FastifyRequest, command: Command, body: Uint8Array | undefined): Order => {
  const key = header(request, 'idempotency-key');
  return {
    command,
    commandId: newCommandId(command.time.getTime()),
    ...requestContext(request),
    idempotency: key === undefined ? null : { key, fingerprint: fingerprint(request, body) },
  };
};

/** Of a request, or of the part of it that `body` is. */
export const fingerprint = (request: FastifyRequest, body: Uint8Array | undefined): string =>
  createHash('sha256')
    .update(`${request.method}\n${request.url}\n${header(request, 'content-type') ?? ''}\n`)
    .update(body ?? new Uint8Array())
    .digest('base64url');

/** Every answer to a write names the revision it reflects, and says when it is an earlier answer given again. */
export const markAnswer = (reply: FastifyReply, revision: number, replayed: boolean): void => {
  reply.header('x-ipledger-revision', String(revision));
  if (replayed) reply.header('idempotency-replayed', 'true');
};
