import type { Bench, MeasuredLoad } from './bench.js';
import { figure, median, spread, table } from './figures.js';
import { poolCidrs } from './seed.js';
import type { BenchService } from './service.js';

const connectionCounts = [1, 16, 128] as const;
/** Without node ports, of which a cluster has fewer than the bench makes Services. */
const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false };
const kinds = [
  { cluster: 'plain', name: 'no class', spec },
  { cluster: 'own', name: 'an own pool', spec: { ...spec, loadBalancerClass: 'ipledger.io/pool' } },
] as const;
/** Services of one look at a shared pool, one after the other: each asks the assigner anew. */
const sharedPerRound = 20;
const waitMsMax = 30_000;

/**
 * What an assignment from a pool of the cluster adds to a dual-stack create of type LoadBalancer; and how long a Service waits for its
 * two addresses of a shared pool, which come after the create is answered.
 */
export const lb = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  for (const name of ['plain', 'own', 'shared']) await service.post('/v1/clusters', { name, serviceCIDRs: poolCidrs });
  await service.post('/v1/lb-pools', { name: 'own', cluster: 'own', addresses: ['172.16.0.0/12', '2001:db8::/64'] });
  await service.post('/v1/lb-pools', { name: 'wide', clusters: ['shared'], addresses: ['198.18.0.0/15', '2001:db8:1::/64'] });
  try {
    for (const { cluster } of kinds) await bench.warmUp(service, cluster);
    const variants = connectionCounts.flatMap((connections) => kinds.map((kind) => ({ ...kind, connections, name: `${connections} connections, ${kind.name}` })));
    const found = await bench.alternate('lb', variants, ({ cluster, connections, spec: of }): Promise<MeasuredLoad> => bench.load(service, { cluster, connections, mode: 'create', spec: of }));
    report(bench, found.map(({ variant, results }) => ({ connections: variant.connections, cluster: variant.cluster, rounds: results })));
    const waits = await bench.alternate('lb', [{ name: 'a shared pool' }], () => sharedRound(service));
    const ms = waits.flatMap(({ results }) => results.flatMap(({ each }) => each)).toSorted((a, b) => a - b);
    bench.print('Both addresses of a shared pool, from the request to a GET that shows them', table([
      ['Services', 'p50 ms', 'p99 ms', 'most ms'], [figure(ms.length), figure(median(ms), 1), figure(ms[Math.ceil(ms.length * 0.99) - 1] ?? NaN, 1), figure(ms.at(-1) ?? NaN, 1)],
    ]));
  } finally {
    await service.stop();
  }
};

const report = (bench: Bench, found: readonly { connections: number; cluster: string; rounds: readonly MeasuredLoad[] }[]): void => {
  const rows = connectionCounts.map((connections) => {
    const [plain = [], own = []] = kinds.map(({ cluster }) => found.find((one) => one.connections === connections && one.cluster === cluster)?.rounds ?? []);
    const mid = (rounds: readonly MeasuredLoad[], pick: (round: MeasuredLoad) => number, digits = 0): string => figure(median(rounds.map(pick)), digits);
    const cpu = (rounds: readonly MeasuredLoad[]): string => `${mid(rounds, ({ nodeUs }) => nodeUs)} / ${mid(rounds, ({ postgresUs }) => postgresUs)}`;
    return [
      String(connections), spread(plain.map(({ perSecond }) => perSecond)), spread(own.map(({ perSecond }) => perSecond)), spread(own.map(({ perSecond }, round) => perSecond / (plain[round]?.perSecond ?? NaN)), 2),
      `${mid(plain, ({ p50Ms }) => p50Ms, 1)} / ${mid(own, ({ p50Ms }) => p50Ms, 1)}`, `${mid(plain, ({ p99Ms }) => p99Ms, 1)} / ${mid(own, ({ p99Ms }) => p99Ms, 1)}`, cpu(plain), cpu(own),
    ];
  });
  bench.print('Dual-stack creates of type LoadBalancer: without a class, and with two addresses of an own pool', table([
    ['connections', 'no class/s', 'own pool/s', 'own / none', 'p50 ms', 'p99 ms', 'CPU µs, none: Node / Postgres', 'own pool: Node / Postgres'], ...rows,
  ]));
};

let made = 0;

const sharedRound = async (service: BenchService): Promise<{ perSecond: number; each: number[] }> => {
  const each: number[] = [];
  const startMs = performance.now();
  for (let i = 0; i < sharedPerRound; i++) each.push(await timeToAddresses(service, `w${made++}`));
  return { perSecond: (sharedPerRound * 1000) / (performance.now() - startMs), each };
};

const timeToAddresses = async (service: BenchService, name: string): Promise<number> => {
  const path = `${service.url}/clusters/shared/api/v1/namespaces/default/services`;
  const startMs = performance.now();
  const body = { metadata: { name }, spec: { ...spec, loadBalancerClass: 'ipledger.io/pool', ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] } };
  const created = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (created.status !== 201) throw new Error(`a create was answered ${created.status}: ${await created.text()}`);
  while (performance.now() - startMs < waitMsMax) {
    const { status } = (await (await fetch(`${path}/${name}`)).json()) as { status: { loadBalancer: { ingress?: unknown[] } } };
    if (status.loadBalancer.ingress?.length === 2) return performance.now() - startMs;
  }
  throw new Error(`${name} had no addresses after ${waitMsMax / 1000} s`);
};
