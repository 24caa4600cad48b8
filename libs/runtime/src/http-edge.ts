import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { problem } from './problem.js';

const idleCheckMs = 50;

/** A request id is taken over when it is 1 to 128 printable ASCII characters without spaces, else made. */
const requestIdOf = ({ headers }: Pick<IncomingMessage, 'headers'>): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomUUID();
};

/** For what is not even a request: no route, no hook, and no surface is known, so the answer is a problem document. */
const answerUnreadable = ({ code }: Error & { code?: string }, socket: Socket): void => {
  if (!socket.writable || code === 'ECONNRESET') return void socket.destroy();
  const answer = code === 'HPE_HEADER_OVERFLOW'
    ? problem('headers_too_large', 'the URL and the headers together may have 16 KiB')
    : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? problem('request_timeout', 'the request did not arrive in time; send it again') : problem('invalid_request', 'what was sent is not HTTP/1.1');
  const body = JSON.stringify(answer);
  socket.end(`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
};

/** Options of Fastify that every app has in common. */
export const httpEdgeOptions = {
  exposeHeadRoutes: false,
  genReqId: requestIdOf,
  forceCloseConnections: 'idle' as const,
  return503OnClosing: false, // what was sent on a connection that is still open is answered
  clientErrorHandler: answerUnreadable,
  routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: true },
};

/** Headers of every answer. Comes before all other hooks, so that what they refuse has them too. */
export const markEveryAnswer = (fastify: FastifyInstance): void => {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff'); // what is not said to be a page is never taken for one
    done();
  });
};

/** Balancers, and `wget --spider`, ask by HEAD whether a process lives. Comes before the routes. */
export const answerProbes = (fastify: FastifyInstance): void => {
  fastify.addHook('onRoute', (route) => {
    if (route.method === 'GET' && (route.url === '/livez' || route.url === '/readyz')) fastify.route({ ...route, method: 'HEAD' });
  });
};

/** The connections of a server, for its end: no request that was sent is cut off, and no connection that is idle is waited for. */
export class Connections {
  private readonly open = new Set<Socket>();
  private readonly server: Server;
  private ending = false;

  constructor(fastify: FastifyInstance) {
    this.server = fastify.server as Server;
    const keep = (socket: Socket): void => {
      this.open.add(socket);
      socket.on('close', () => this.open.delete(socket));
    };
    this.server.on('connection', keep).on('secureConnection', keep);
    fastify.addHook('onSend', (_request, reply, payload, done) => {
      if (this.ending) reply.header('connection', 'close');
      done(null, payload);
    });
  }

  /** From now on every answer asks its client to send the next request elsewhere. */
  turnAway(): void {
    this.ending = true;
  }

  /** Runs `close`, which waits for all connections, and ends each that has become idle meanwhile. */
  async endWith(close: () => Promise<void>): Promise<void> {
    this.turnAway();
    const sweep = setInterval(() => this.endIdle(), idleCheckMs);
    await close().finally(() => clearInterval(sweep));
  }

  private endIdle(): void {
    this.server.closeIdleConnections();
    // One on which nothing was ever sent does not count as idle to Node: browsers and pools open such in advance.
    for (const socket of this.open) if (socket.bytesRead === 0) socket.destroy();
  }
}
