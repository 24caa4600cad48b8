import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

const idleCheckMs = 50;

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
