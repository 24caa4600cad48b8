import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server that can be held up or cut, without the server knowing. */
export class TcpProxy {
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private isStalled = false;

  private constructor(private readonly server: Server) {}

  /** @param target URL of the server; the proxy takes its place in `urlOf` */
  static async to(target: string): Promise<TcpProxy> {
    const { hostname, port, searchParams } = new URL(target);
    const server = createServer();
    const proxy = new TcpProxy(server);
    server.on('connection', (client) => {
      const socketFolder = searchParams.get('host');
      const upstream = socketFolder === null ? connect(Number(port), hostname) : connect(`${socketFolder}/.s.PGSQL.${port || 5432}`);
      proxy.join(client, upstream);
    });
    await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
    return proxy;
  }

  /** The same URL by way of the proxy. */
  urlOf(target: string): string {
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as AddressInfo).port);
    url.searchParams.delete('host');
    return url.href;
  }

  /** Nothing passes any more, in either direction; connections stay open and new ones are taken. */
  stall(): void {
    this.isStalled = true;
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  /** What was held up passes now. */
  resume(): void {
    this.isStalled = false;
    for (const pair of this.pairs) for (const socket of pair) socket.resume();
  }

  /** Ends every connection at once, as a failing network does. */
  cut(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((closed) => void this.server.close(closed));
  }

  private join(client: Socket, upstream: Socket): void {
    const pair = [client, upstream] as const;
    this.pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client]] as const) {
      from.on('data', (data) => to.write(data));
      if (this.isStalled) from.pause();
      from.on('error', () => to.destroy()).on('close', () => {
        to.destroy();
        this.pairs.delete(pair);
      });
    }
  }
}
