// The load generator, in a process of its own: raw sockets and requests made beforehand, because it shares the cores with
// what it measures. Takes one `Load` per message, answers one `LoadResult`.
import { connect, type Socket } from 'node:net';
import type { Load, LoadResult } from './load.js';

/** So much of a run is thrown away: connections warm up, the first batches are small. */
const warmUpShare = 0.15;
/** An answer that takes longer than this is an error; loading a cluster of a million Services is done before. */
const answerMsMax = 10_000;
const nameDigits = 12;

const run = async (load: Load): Promise<LoadResult> => {
  const tally = new Tally(load);
  const connections = await Promise.all(Array.from({ length: load.connections }, (_, index) => Connection.open(load, index, tally)));
  const cpuBefore = process.cpuUsage();
  tally.start();
  await Promise.all(connections.map((connection) => connection.work()));
  const { user, system } = process.cpuUsage(cpuBefore);
  return tally.result((user + system) / 1e6);
};

/** What happened between the end of the warm-up and the end of the run. */
class Tally {
  private readonly latenciesMs: number[] = [];
  private startMs = 0;
  private countFromMs = 0;
  private endMs = 0;
  private answers = 0;
  private shed = 0;
  private errors = 0;
  private firstError: string | null = null;

  constructor(private readonly load: Load) {}

  start(): void {
    this.startMs = performance.now();
    this.endMs = this.startMs + this.load.seconds * 1000;
    this.countFromMs = this.startMs + this.load.seconds * 1000 * warmUpShare;
  }
  /** With a pace: until this connection's next request is due. One that is late does not wait, so that the pace is kept. */
  async slot(turn: number, connection: number): Promise<void> {
    const { perSecondMax, connections } = this.load;
    if (perSecondMax === undefined) return;
    const dueMs = this.startMs + ((turn * connections + connection) / perSecondMax) * 1000;
    if (dueMs > performance.now()) await new Promise((resolve) => { setTimeout(resolve, dueMs - performance.now()); });
  }
  get isOver(): boolean {
    return performance.now() >= this.endMs;
  }
  answered(sentMs: number, ok: boolean, answer: () => string): void {
    const nowMs = performance.now();
    this.answers++;
    if (!ok) {
      this.errors++;
      this.firstError ??= answer();
    } else if (nowMs >= this.countFromMs && nowMs < this.endMs) this.latenciesMs.push(nowMs - sentMs);
  }
  refused(): void {
    this.answers++;
    this.shed++;
  }
  failed(why: string): void {
    this.errors++;
    this.firstError ??= why;
  }
  result(cpuSeconds: number): LoadResult {
    const sorted = Float64Array.from(this.latenciesMs).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
    return {
      perSecond: sorted.length / ((this.endMs - this.countFromMs) / 1000),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      answers: this.answers,
      shed: this.shed,
      errors: this.errors,
      firstError: this.firstError,
      cpuSeconds,
    };
  }
}

/** One keep-alive connection with one request under way at a time. */
class Connection {
  private readonly first: Template;
  private readonly remove: Template;
  private counter = 0;
  private received: Buffer | undefined;
  private settle: ((answer: Buffer | Error) => void) | undefined;

  static open(load: Load, index: number, tally: Tally): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(load.port, load.host, () => resolve(new Connection(load, index, tally, socket)));
      socket.setNoDelay(true).once('error', reject);
    });
  }

  private constructor(private readonly load: Load, private readonly index: number, private readonly tally: Tally, private readonly socket: Socket) {
    this.first = load.mode === 'get' ? getTemplate(load) : load.mode === 'batch' ? batchTemplate(load) : createTemplate(load);
    this.remove = removeTemplate(load);
    socket.setTimeout(answerMsMax, () => socket.destroy(new Error(`no answer within ${answerMsMax} ms`)));
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('the server closed the connection')));
  }

  /** A connection that breaks ends its part of the run, as an error that the result shows. */
  async work(): Promise<void> {
    try {
      for (let turn = 0; ; turn++) {
        await this.tally.slot(turn, this.index);
        if (this.tally.isOver) break;
        const number = this.nextNumber();
        await this.exchange(this.first, number);
        if (this.load.mode === 'churn') await this.exchange(this.remove, number);
      }
    } catch (error) {
      this.tally.failed((error as Error).message);
    }
    this.settle = undefined;
    this.socket.destroy();
  }

  private nextNumber(): number {
    const { mode, services = 1 } = this.load;
    if (mode === 'get') return Math.floor(Math.random() * services);
    return this.index * 1e8 + this.counter++ * (mode === 'batch' ? services : 1);
  }

  private async exchange(template: Template, number: number): Promise<void> {
    const { mode, clusters = 1 } = this.load;
    const sentMs = performance.now();
    const answer = await new Promise<Buffer | Error>((resolve) => {
      this.settle = resolve;
      this.socket.write(template.numbered(number, (this.index + this.counter) % clusters));
    });
    if (answer instanceof Error) throw answer;
    if (mode === 'shed' && isShed(answer)) return this.tally.refused();
    const code = answer[9]; // the first digit of "HTTP/1.1 2xx"
    const ok = mode === 'refused' ? code === 0x35 : code === 0x32 && (mode !== 'batch' || !answer.includes('"error":{'));
    this.tally.answered(sentMs, ok, () => answer.toString('utf8', 0, 2_000));
  }

  private take(chunk: Buffer): void {
    const bytes = this.received === undefined ? chunk : Buffer.concat([this.received, chunk]);
    if (bytes.length < answerLength(bytes)) {
      this.received = bytes;
      return;
    }
    this.received = undefined;
    this.end(bytes);
  }

  private end(answer: Buffer | Error): void {
    const settle = this.settle;
    this.settle = undefined;
    settle?.(answer);
  }
}

const isShed = (answer: Buffer): boolean => /^HTTP\/1\.1 (429|503) [^]*\r\nretry-after: \d+\r\n/i.test(answer.toString('latin1', 0, 1_000));

/** Bytes of the whole answer; infinite while its head is not there. The service names the length of all that is asked here. */
const answerLength = (bytes: Buffer): number => {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return Infinity;
  const head = bytes.toString('latin1', 0, headEnd).toLowerCase();
  const at = head.indexOf('\r\ncontent-length: ');
  if (at < 0) throw new Error(`an answer without a length: ${head}`);
  return headEnd + 4 + Number.parseInt(head.slice(at + 18), 10);
};

/** The bytes of a request with names whose digits are overwritten in place: the one before has left when the next is made. */
class Template {
  /** Where each name's digits stand; the names of one request have numbers one after the other. */
  private readonly namesAt: number[] = [];
  private readonly clusterAt: number;
  constructor(private readonly bytes: Buffer) {
    for (let at = bytes.indexOf(nameZeros); at >= 0; at = bytes.indexOf(nameZeros, at + nameDigits)) this.namesAt.push(at);
    this.clusterAt = bytes.indexOf(clusterZeros);
  }
  numbered(number: number, cluster: number): Buffer {
    for (const [index, at] of this.namesAt.entries()) this.write(number + index, at, nameDigits);
    if (this.clusterAt >= 0) this.write(cluster, this.clusterAt + 1, clusterZeros.length - 2);
    return this.bytes;
  }
  private write(number: number, start: number, digits: number): void {
    for (let at = start + digits - 1, rest = number; at >= start; at--, rest = Math.floor(rest / 10)) this.bytes[at] = 0x30 + (rest % 10);
  }
}

const nameZeros = '0'.repeat(nameDigits);
const clusterZeros = '-0000/';
const nameOf = (load: Load): string => `b${load.tag}-${nameZeros}`;
const headOf = (load: Load): string => `Host: ${load.host}:${load.port}\r\nUser-Agent: ipledger-bench\r\nAccept: application/json\r\n`;
const pathOf = (load: Load): string => `/clusters/${load.cluster}${load.clusters === undefined ? '' : clusterZeros.slice(0, -1)}/api/v1/namespaces/default/services`;
const serviceOf = (load: Load): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: nameOf(load), labels: { app: 'bench', tier: 'backend' } },
  spec: { ipFamilyPolicy: 'PreferDualStack', selector: { app: 'bench' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }], ...load.spec },
});

const postTemplate = (load: Load, path: string, content: object): Template => {
  const body = JSON.stringify(content);
  return new Template(Buffer.from(`POST ${path} HTTP/1.1\r\n${headOf(load)}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
};
const createTemplate = (load: Load): Template => postTemplate(load, pathOf(load), serviceOf(load));
const batchTemplate = (load: Load): Template =>
  postTemplate(load, `/v1/clusters/${load.cluster}/services:batch`, { items: Array.from({ length: load.services ?? 1 }, () => ({ create: serviceOf(load) })) });
const getTemplate = (load: Load): Template => new Template(Buffer.from(`GET ${pathOf(load)}/known-${nameZeros} HTTP/1.1\r\n${headOf(load)}\r\n`));

const removeTemplate = (load: Load): Template => new Template(Buffer.from(`DELETE ${pathOf(load)}/${nameOf(load)} HTTP/1.1\r\n${headOf(load)}\r\n`));

process.on('message', (load: Load) => {
  void run(load).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: (error as Error).message }),
  );
});
process.on('disconnect', () => process.exit(0)); // the bench is gone
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the bench ends us in order
process.send?.('ready'); // a message that came before we listened would be lost
