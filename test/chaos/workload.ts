import { attemptsMax, operationPrefix } from './check.js';
import type { ChaosCluster } from './clusters.js';
import { addressesOf, lbAddressesOf, type Operation, type Outcome, type ServiceObject, type Violation } from './history.js';
import type { Random } from './random.js';

/** Clients that work on the same clusters. */
export interface Crew {
  clusters: readonly ChaosCluster[];
  clients: number;
  /** Operations of each client under way at once, begun at one replica. */
  atOnce: number;
  /** Which share of operations goes to the replica at which a cluster is at home. After each of the others both replicas append under a lock for a while, by themselves (design D4). */
  homeShare: number;
  namespaces: readonly string[];
  names: readonly string[];
  /** Which share of turns is creates alone. */
  createTurns: number;
  /** Which share of creates goes without an Idempotency-Key, and is made once then: what a key needs is never in a shared append. */
  onceShare: number;
  /** Which share of operations is about Services that want an address of the LB pool. */
  lbShare: number;
}

/** Few names and small pools: what matters is that clients get in each other's way. */
export interface WorkloadOptions {
  crews: readonly Crew[];
  /** Bases of the replicas; one is picked for every turn of a client, and for every further attempt. */
  urls: readonly string[];
}

interface Plan {
  id: string;
  crew: Crew;
  cluster: ChaosCluster;
  kinds: readonly Operation['kind'][];
  /** The replica of the first attempt; a further one is made at any. */
  first: string;
}

const createOnly = ['create'] as const;
const anyKind = ['create', 'create', 'create', 'delete', 'delete', 'update', 'update', 'get'] as const;
/** Addresses of the pool come later than the answer: they are read more. */
const lbKinds = ['create', 'create', 'create', 'delete', 'delete', 'update', 'get', 'get', 'get'] as const;
/** Each with a port of its own, so that they can share an address. */
const lbNames = ['lb-0', 'lb-1', 'lb-2'];
const sharingKeyAnnotation = 'ipledger.io/sharing-key';
const policies = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];
const attemptMsMax = 5_000;
/** Between attempts after a failure, so that a dead replica is not hammered. */
const pauseMs = 50;

interface Attempt {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** Clients that each do their operations, one turn after the other, until told to stop, and write down what they saw. */
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
    let client = 0;
    await Promise.all(this.options.crews.flatMap((crew) => Array.from({ length: crew.clients }, () => this.client(client++, crew, this.random.fork()))));
  }
  stop(): void {
    this.stopped = true;
  }

  private async client(client: number, crew: Crew, random: Random): Promise<void> {
    for (let i = 0; !this.stopped; i++) {
      const { urls } = this.options;
      const at = random.whole(0, urls.length - 1);
      const atHome = crew.clusters.filter((_, index) => index % urls.length === at);
      const kinds = random.chance(crew.createTurns) ? createOnly : anyKind;
      await Promise.all(Array.from({ length: crew.atOnce }, (_, j) => {
        const cluster = atHome.length > 0 && random.chance(crew.homeShare) ? atHome[j % atHome.length]! : random.pick(crew.clusters);
        return this.operate({ id: `${operationPrefix}${client}-${i * crew.atOnce + j}`, crew, cluster, kinds, first: urls[at]! }, random.fork());
      }));
    }
  }

  private async operate({ id, crew, cluster, kinds, first }: Plan, random: Random): Promise<void> {
    const isLb = random.chance(crew.lbShare);
    const kind = random.pick(isLb ? lbKinds : kinds);
    const [namespace, name] = [random.pick(crew.namespaces), random.pick(isLb ? lbNames : crew.names)];
    const service = `${namespace}/${name}`;
    const once = kind === 'create' && random.chance(crew.onceShare);
    const onlyUid = kind === 'delete' && random.chance(0.5) ? this.lastUid.get(`${cluster.name}/${service}`) : undefined;
    const attempt = this.attemptOf(once ? undefined : id, kind, cluster, namespace, name, onlyUid, random);
    const operation: Operation = { id, cluster: cluster.name, kind, service, ...(onlyUid !== undefined && { onlyUid }), startMs: performance.now(), endMs: Infinity, unknownAttempts: 0, outcome: { kind: 'unknown', why: 'under way' } };
    this.operations.push(operation);
    for (let n = 1; n <= attemptsMax; n++) {
      const outcome = await this.send(n === 1 ? first : random.pick(this.options.urls), { ...attempt, headers: { ...attempt.headers, 'x-request-id': `${id}.${n}` } });
      if (outcome !== 'not-taken') {
        if (outcome.kind === 'unknown') operation.unknownAttempts++;
        operation.outcome = outcome;
        if (outcome.kind !== 'unknown' || once) break;
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

  private attemptOf(key: string | undefined, kind: Operation['kind'], cluster: ChaosCluster, namespace: string, name: string, uid: string | undefined, random: Random): Attempt {
    const collection = `/clusters/${cluster.name}/api/v1/namespaces/${namespace}/services`;
    const headers = { ...(key !== undefined && { 'idempotency-key': key }), 'content-type': 'application/json', 'user-agent': 'chaos' };
    if (kind === 'get') return { method: 'GET', path: `${collection}/${name}`, headers: {} };
    if (kind === 'update') {
      const policy = { ipFamilyPolicy: random.pick(policies) };
      const spec = lbNames.includes(name) && random.chance(0.3) ? { type: 'ClusterIP', loadBalancerClass: null, allocateLoadBalancerNodePorts: null } : policy;
      return { method: 'PATCH', path: `${collection}/${name}`, headers: { ...headers, 'content-type': 'application/merge-patch+json' }, body: JSON.stringify({ spec }) };
    }
    if (kind === 'delete') {
      return { method: 'DELETE', path: `${collection}/${name}`, headers, body: JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', ...(uid !== undefined && { preconditions: { uid } }) }) };
    }
    if (lbNames.includes(name)) {
      const annotations = random.chance(0.4) ? { [sharingKeyAnnotation]: 'front' } : {};
      const spec = { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 + lbNames.indexOf(name) }], ipFamilyPolicy: random.pick(policies) };
      return { method: 'POST', path: collection, headers, body: JSON.stringify({ metadata: { name, annotations }, spec }) };
    }
    const spec = { ports: [{ port: 80 }], ipFamilyPolicy: random.pick(policies), ...(random.chance(0.2) && { clusterIP: staticAddress(cluster.serviceCIDRs, random) }) };
    return { method: 'POST', path: collection, headers, body: JSON.stringify({ metadata: { name }, spec }) };
  }
}

/** Some address of the primary range, near its start, so that clients ask for the same ones. */
const staticAddress = ([primary = '']: readonly string[], random: Random): string => {
  const base = primary.split('/')[0]!;
  return primary.includes(':') ? `${base}${random.whole(2, 7)}` : base.replace(/\d+$/, String(random.whole(2, 6)));
};

interface Answered extends ServiceObject {
  reason?: string;
  message?: string;
}

const isRangeFull = (message: string): boolean => message.includes('range is full');

const outcomeOf = (status: number, revision: string | null, text: string): Outcome => {
  const body = JSON.parse(text) as Answered;
  if (status < 300) {
    const sharingKey = body.metadata?.annotations?.[sharingKeyAnnotation];
    return { kind: 'done', status, revision: Number(revision ?? body.metadata?.resourceVersion), uid: body.metadata?.uid ?? '', addresses: addressesOf(body), lbAddresses: lbAddressesOf(body), ...(sharingKey !== undefined && { sharingKey }) };
  }
  // 500 is how upstream says that a range is full; 503, that the service cannot tell or cannot serve.
  const decided = status < 500 || isRangeFull(body.message ?? '');
  return decided ? { kind: 'refused', status, reason: body.reason ?? '', message: body.message ?? '' } : { kind: 'unknown', why: `${status} ${body.message}` };
};
