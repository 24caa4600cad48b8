import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { replay } from './replay.js';
import type { Answer, Cluster, Failure, Question } from './replay.js';
import { clusters } from './recordings.js';
import type { Scenario } from './recordings.js';

const answerTimeoutMs = 60_000;
const triesMax = 5;
const jsonType = 'application/json';

/**
 * The server under test, through TCP: it gets requests that cannot be injected, too. Only this class knows how a
 * cluster is registered and reconfigured.
 */
export class Server {
  readonly #base: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #seeded = new Map<string, Promise<boolean>>(); // kind of cluster -> comes with default/kubernetes
  readonly #run = `c${process.pid}-${Date.now() % 1_000_000}`;
  #serial = 0;

  constructor(base: string) {
    this.#base = new URL(base);
  }

  /** Registers a cluster of the kind, which holds `default/kubernetes` and nothing else. */
  async fresh(kind: string): Promise<Cluster> {
    const name = `${this.#run}-${++this.#serial}`;
    const serviceCIDRs = clusters[kind] ?? [];
    await this.#admin('POST', '/v1/clusters', { name, serviceCIDRs });
    const cluster: Cluster = {
      send: (question) => this.#send({ ...question, url: `/clusters/${name}${question.url}` }),
      reconfigure: (cidrs) => this.#admin('PUT', `/v1/clusters/${name}?inUse=keep`, { serviceCIDRs: cidrs }),
    };
    const url = '/api/v1/namespaces/default/services/kubernetes';
    const held = this.#seeded.get(kind) ?? cluster.send({ method: 'GET', url }).then(({ status }) => status === 200);
    this.#seeded.set(kind, held); // asked once per kind: 13,000 requests fewer
    if (!(await held)) throw new Error(`a new ${kind} cluster has no Service default/kubernetes`);
    return cluster;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #admin(method: string, url: string, body: { name?: string; serviceCIDRs: string[] }): Promise<void> {
    const { status, text } = await this.#send({ method, url, body });
    if (![200, 201, 204].includes(status)) throw new Error(`${method} ${url}: ${status} ${text.slice(0, 300)}`);
  }

  async #send(question: Question): Promise<Answer> {
    try {
      return await this.#exchange(question);
    } catch (error) {
      // A server may close an idle connection at the moment it is used again.
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'ECONNRESET') throw error;
      return this.#exchange(question);
    }
  }

  #exchange({ method, url, body, contentType, accept }: Question): Promise<Answer> {
    const text = body === undefined || body === null ? undefined : serialise(body);
    const headers: Record<string, string | number> = { accept: accept || jsonType, 'user-agent': 'golden' };
    if (text !== undefined) headers['content-length'] = Buffer.byteLength(text);
    if (text !== undefined || contentType) headers['content-type'] = contentType || jsonType;
    const { hostname: host, port, pathname } = this.#base;
    const path = pathname.replace(/\/$/, '') + url;
    return new Promise((resolve, reject) => {
      const sent = request({ agent: this.#agent, host, port, method, path, headers }, (response) => {
        read(response).then(resolve, reject);
      });
      sent.setTimeout(answerTimeoutMs, () => sent.destroy(new Error(`no answer in ${answerTimeoutMs} ms`)));
      sent.on('error', reject);
      sent.end(text);
    });
  }
}

/** JSON with numbers spelled as they were recorded (pack.mjs). */
const serialise = (body: Question['body']): string =>
  typeof body === 'string' ? body : JSON.stringify(body).replace(/"\$number:([^"]*)"/g, '$1');

const read = async (response: IncomingMessage): Promise<Answer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { rawHeaders, statusCode = 0 } = response;
  // Raw: the parsed headers join several warnings with commas, which also stand inside them.
  const warnings = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'warning');
  return { status: statusCode, warnings, text: Buffer.concat(chunks).toString() };
};

/** Replays scenarios, some at a time, each on a cluster of its own; answers the failures in the scenarios' order. */
export const replayAll = async (
  server: Server,
  scenarios: Scenario[],
  concurrency: number,
  onFailure: (failure: Failure) => void = () => {},
): Promise<Failure[]> => {
  const failures: (Failure | undefined)[] = [];
  const queue = scenarios.entries();
  const worker = async (): Promise<void> => {
    for (const [index, scenario] of queue) {
      const failure = await attempt(server, scenario);
      if (failure) onFailure(failure);
      failures[index] = failure;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return failures.filter((failure) => failure !== undefined);
};

const attempt = async (server: Server, scenario: Scenario): Promise<Failure | undefined> => {
  let failure: Failure | undefined;
  for (let tries = 0; tries < triesMax; tries++) {
    const startedSecond = wallSecond();
    failure = await play(server, scenario);
    // managedFields are ordered by time in whole seconds, and each recording fits in one: a slow moment is no failure. Another order
    // is a write, which shows as another resourceVersion.
    const slow = failure && (ordersByTime(failure) || (scenario.managedFields && failure.path.endsWith('resourceVersion'))) && wallSecond() !== startedSecond;
    if (!failure || !(slow || choseAgain(failure))) return failure;
  }
  return failure;
};

const ordersByTime = ({ path, expected }: Failure): boolean =>
  `${path}${JSON.stringify(expected)}`.includes('managedFields');

/** An address or a port that was given back may be the one that chance chooses next, once in a few thousand times. */
const choseAgain = ({ expected, actual }: Failure): boolean => {
  const kind = (value: unknown): string | undefined => /^\$(ip4|ip6|port):\d+$/.exec(String(value))?.[1];
  return kind(expected) !== undefined && kind(expected) === kind(actual);
};

const wallSecond = (): number => Math.floor(Date.now() / 1000);

const play = async (server: Server, scenario: Scenario): Promise<Failure | undefined> => {
  try {
    return await replay(await server.fresh(scenario.cluster), scenario);
  } catch (error) {
    // The server is gone, or answered what no client can read.
    return { name: scenario.name, step: undefined, path: '', expected: 'an answer', actual: String(error) };
  }
};

/** A failure as two lines for a person: where, and what against what. */
export const describeFailure = ({ name, step, path, expected, actual, asked }: Failure): string => {
  const short = (value: unknown): string => (JSON.stringify(value) ?? '').slice(0, 400);
  const lines = [`${name} step ${step ?? '-'}: ${path}`, `expected ${short(expected)}`, `actual   ${short(actual)}`];
  return lines.concat(asked === undefined ? [] : `asked    ${short(asked)}`).join('\n    ');
};
