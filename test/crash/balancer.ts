import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const lookMs = 50;

/**
 * A small load balancer as they all are: asks each backend whether it is ready, sends requests in turn to those that are,
 * over connections that it keeps. It never sends a request twice, but goes on to the next backend when one takes no connection.
 */
export class Balancer {
  private readonly agent = new Agent({ keepAlive: true });
  private backends: readonly string[] = [];
  private readonly ready = new Set<string>();
  private readonly timer: NodeJS.Timeout;
  private turn = 0;

  private constructor(private readonly server: Server) {
    this.timer = setInterval(() => void this.look(), lookMs);
  }

  static async start(): Promise<Balancer> {
    const server = createServer();
    const balancer = new Balancer(server);
    server.on('request', (asked, answer) => balancer.pass(asked, answer));
    await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resolves when all of them are ready. */
  async use(urls: readonly string[]): Promise<void> {
    this.backends = urls;
    while (!urls.every((url) => this.ready.has(url))) await new Promise((looked) => { setTimeout(looked, lookMs); });
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.agent.destroy();
    this.server.closeAllConnections();
    await new Promise((closed) => void this.server.close(closed));
  }

  private async look(): Promise<void> {
    await Promise.all(this.backends.map(async (url) => {
      const isReady = await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false);
      if (isReady) this.ready.add(url);
      else this.ready.delete(url);
    }));
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const ready = this.backends.filter((url) => this.ready.has(url));
      const first = this.turn++;
      this.send(ready.map((_, i) => ready[(first + i) % ready.length]!), asked, Buffer.concat(chunks), answer);
    });
  }

  private send([url, ...others]: readonly string[], asked: IncomingMessage, body: Buffer, answer: ServerResponse): void {
    if (url === undefined) return void answer.writeHead(502).end('no backend is ready');
    request(`${url}${asked.url}`, { method: asked.method, headers: { ...asked.headers, connection: 'keep-alive' }, agent: this.agent }, (got) => {
      answer.writeHead(got.statusCode ?? 502, { 'content-type': got.headers['content-type'] ?? '' });
      got.pipe(answer);
    }).on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') this.send(others, asked, body, answer);
      else if (!answer.headersSent) answer.writeHead(502).end(`${url}: ${error.message}`);
    }).end(body);
  }
}
