import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Where a proxy connects to: a Unix socket or a port of this machine. It may change while it runs. */
export type Target = { path: string } | { port: number; host: string };

const bufferedBytesMax = 64 * 1024 * 1024;

/**
 * A TCP proxy that does what networks do: cuts connections, takes none, holds bytes back. Each process under test has its
 * own, so that a fault can hit one of them.
 */
export class FaultProxy {
  private readonly server: Server;
  private readonly pairs = new Set<{ client: Socket; upstream: Socket }>();
  private delayMs = 0;
  private refusing = false;
  private stalled = false;

  private constructor(private readonly target: () => Target) {
    this.server = createServer((client) => this.accept(client));
  }

  static async start(target: () => Target): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await once(proxy.server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resets every connection, as a crashed machine in between would. */
  cut(): void {
    for (const { client, upstream } of this.pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
  }
  /** From now on each chunk waits so long, both ways. 0 = none. */
  delay(ms: number): void {
    this.delayMs = ms;
  }
  /** Cuts, and closes new connections at once, until told otherwise. */
  refuse(on: boolean): void {
    this.refusing = on;
    if (on) this.cut();
  }
  /** Bytes stop in both directions, connections stay: what a lost route looks like. */
  stall(on: boolean): void {
    this.stalled = on;
    for (const { client, upstream } of this.pairs) for (const socket of [client, upstream]) if (on) socket.pause(); else socket.resume();
  }

  async stop(): Promise<void> {
    this.refuse(true);
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }

  private accept(client: Socket): void {
    if (this.refusing) return void client.resetAndDestroy();
    const upstream = connect(this.target());
    const pair = { client, upstream };
    this.pairs.add(pair);
    this.carry(client, upstream);
    this.carry(upstream, client);
    const end = (): void => {
      this.pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    if (this.stalled) this.stall(true);
  }

  private carry(from: Socket, to: Socket): void {
    from.on('data', (chunk) => {
      const send = (): void => {
        if (!to.destroyed) to.write(chunk);
        if (to.writableLength > bufferedBytesMax) from.destroy();
      };
      if (this.delayMs === 0) send();
      else setTimeout(send, this.delayMs);
    });
  }
}
