import { attemptsMax, operationPrefix } from './check.js';
import type { Operation, Outcome, Violation } from './history.js';
import type { Random } from './random.js';

/** Few names and small pools: what matters is that clients get in each other's way. */
export interface WorkloadOptions {
  clusters: readonly { name: string; serviceCIDRs: readonly string[] }[];
  clients: number;
  /** Bases of the replicas; one is picked for every attempt. */
  urls: readonly string[];
}

const names = ['web', 'api', 'db', 'cache', 'queue', 'auth'];
const namespaces = ['red', 'blue'];
const attemptMsMax = 5_000;
/** Between attempts after a failure, so that a dead replica is not hammered. */
const pauseMs = 50;

interface Attempt {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** Clients that each do one operation after the other until told to stop, and write down what they saw. */
export class Workload {
  readonly operations: Operation[] = [];
  /** What the service said when it could not serve: the texts of 503, and how often. */
  readonly unavailable = new Map<string, number>();
  /** Errors that are none of the promised ones: whatever happens to it, a service that answers says 503 and when to come back. */
  readonly badAnswers: Violation[] = [];
  private stopped = false;
  private readonly lastUid = new Map<string, string>();

  constructor(private readonly options: WorkloadOptions, private readonly random: Random) {}

  /** Resolves when every client has finished the operation it was in. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.options.clients }, (_, client) => this.client(client, this.random.fork())));
  }
  stop(): void {
    this.stopped = true;
  }

  private async client(client: number, random: Random): Promise<void> {
    for (let i = 0; !this.stopped; i++) await this.operate(`${operationPrefix}${client}-${i}`, random);
  }

  private async operate(id: string, random: Random): Promise<void> {
    const cluster = random.pick(this.options.clusters);
    const kind = random.pick(['create', 'create', 'create', 'delete', 'delete', 'update', 'update', 'get'] as const);
    const [namespace, name] = [random.pick(namespaces), random.pick(names)];
    const service = `${namespace}/${name}`;
    const onlyUid = kind === 'delete' && random.chance(0.5) ? this.lastUid.get(`${cluster.name}/${service}`) : undefined;
    const attempt = this.attemptOf(id, kind, cluster, namespace, name, onlyUid, random);
    const operation: Operation = { id, cluster: cluster.name, kind, service, ...(onlyUid !== undefined && { onlyUid }), startMs: performance.now(), endMs: Infinity, unknownAttempts: 0, outcome: { kind: 'unknown', why: 'under way' } };
    this.operations.push(operation);
    for (let n = 1; n <= attemptsMax; n++) {
      const outcome = await this.send(random.pick(this.options.urls), { ...attempt, headers: { ...attempt.headers, 'x-request-id': `${id}.${n}` } });
      if (outcome !== 'not-taken') {
        if (outcome.kind === 'unknown') operation.unknownAttempts++;
        operation.outcome = outcome;
        if (outcome.kind !== 'unknown') break;
      }
      await new Promise((resolve) => { setTimeout(resolve, pauseMs); });
    }
    operation.endMs = performance.now();
    if (operation.outcome.kind === 'done' && kind !== 'delete') this.lastUid.set(`${cluster.name}/${service}`, operation.outcome.uid);
  }

  /** `not-taken`: the connection was refused, so nobody heard of the attempt. */
  private async send(url: string, { method, path, headers, body }: Attempt): Promise<Outcome | 'not-taken'> {
    try {
      const answer = await fetch(url + path, { method, headers, ...(body !== undefined && { body }), signal: AbortSignal.timeout(attemptMsMax) });
      const text = await answer.text();
      if (answer.status >= 500) this.judgeError(`${method} ${path}`, answer, text);
      return outcomeOf(answer.status, answer.headers.get('x-ipledger-revision'), text);
    } catch (error) {
      const code = (error as { cause?: { code?: string } }).cause?.code;
      return code === 'ECONNREFUSED' ? 'not-taken' : { kind: 'unknown', why: code ?? String(error) };
    }
  }

  private judgeError(request: string, { status, headers }: Response, text: string): void {
    const { message = '' } = JSON.parse(text) as Answered;
    if (status === 500 && isRangeFull(message)) return;
    if (status !== 503 || headers.get('retry-after') === null || message === '') this.badAnswers.push(`${request} was answered ${status}, Retry-After ${headers.get('retry-after')}: ${text}`);
    this.unavailable.set(message, (this.unavailable.get(message) ?? 0) + 1);
  }

  private attemptOf(id: string, kind: Operation['kind'], cluster: WorkloadOptions['clusters'][number], namespace: string, name: string, uid: string | undefined, random: Random): Attempt {
    const collection = `/clusters/${cluster.name}/api/v1/namespaces/${namespace}/services`;
    const headers = { 'idempotency-key': id, 'content-type': 'application/json', 'user-agent': 'chaos' };
    if (kind === 'get') return { method: 'GET', path: `${collection}/${name}`, headers: {} };
    if (kind === 'update') {
      const ipFamilyPolicy = random.pick(['SingleStack', 'PreferDualStack', 'RequireDualStack']);
      return { method: 'PATCH', path: `${collection}/${name}`, headers: { ...headers, 'content-type': 'application/merge-patch+json' }, body: JSON.stringify({ spec: { ipFamilyPolicy } }) };
    }
    if (kind === 'delete') {
      return { method: 'DELETE', path: `${collection}/${name}`, headers, body: JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', ...(uid !== undefined && { preconditions: { uid } }) }) };
    }
    const spec = { ports: [{ port: 80 }], ipFamilyPolicy: random.pick(['SingleStack', 'PreferDualStack', 'RequireDualStack']), ...(random.chance(0.2) && { clusterIP: staticAddress(cluster.serviceCIDRs, random) }) };
    return { method: 'POST', path: collection, headers, body: JSON.stringify({ metadata: { name }, spec }) };
  }
}

/** Some address of the primary range, near its start, so that clients ask for the same ones. */
const staticAddress = ([primary = '']: readonly string[], random: Random): string => {
  const base = primary.split('/')[0]!;
  return primary.includes(':') ? `${base}${random.whole(2, 7)}` : base.replace(/\d+$/, String(random.whole(2, 6)));
};

interface Answered {
  metadata?: { uid?: string; resourceVersion?: string };
  spec?: { clusterIPs?: string[] };
  reason?: string;
  message?: string;
}

const isRangeFull = (message: string): boolean => message.includes('range is full');

const outcomeOf = (status: number, revision: string | null, text: string): Outcome => {
  const body = JSON.parse(text) as Answered;
  if (status < 300) {
    const addresses = (body.spec?.clusterIPs ?? []).filter((ip) => ip !== 'None');
    return { kind: 'done', status, revision: Number(revision ?? body.metadata?.resourceVersion), uid: body.metadata?.uid ?? '', addresses };
  }
  // 500 is how upstream says that a range is full; 503, that the service cannot tell or cannot serve.
  const decided = status < 500 || isRangeFull(body.message ?? '');
  return decided ? { kind: 'refused', status, reason: body.reason ?? '', message: body.message ?? '' } : { kind: 'unknown', why: `${status} ${body.message}` };
};
