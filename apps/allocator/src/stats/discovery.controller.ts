import type { EventStore } from '@ipledger/event-store';
import { formatAddress, parseAddress } from '@ipledger/ip';
import { compileDefinition, parseDocument, poolOf, sharedPoolOf, type ClusterDefinition, type Pool, type ServiceObject } from '@ipledger/services';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { problem, ProblemError } from '../problem.js';
import { EVENT_STORE } from '../tokens.js';

interface TargetGroup {
  targets: string[];
  labels: Record<string, string>;
}
interface Wanted {
  clusters: string[] | null;
  pools: string[] | null;
  namespaces: string[] | null;
  ports: string[] | null;
}
type Params = Readonly<Record<string, unknown>>;

const servicesMax = 20_000;
const pageServices = 1_000;

/**
 * Services as targets, for Prometheus' HTTP service discovery: one group per Service, family and port, since labels belong to a group.
 * @see https://prometheus.io/docs/prometheus/latest/http_sd/
 */
@Controller('v1/stats')
export class DiscoveryController {
  constructor(@Inject(EVENT_STORE) private readonly store: EventStore) {}

  /** Prometheus wants the full list each time, so one that is too long is refused instead of cut. */
  @Get('prometheus-sd')
  async targets(@Query() query: Params): Promise<TargetGroup[]> {
    const wanted: Wanted = { clusters: listIn(query, 'cluster'), pools: listIn(query, 'pool'), namespaces: listIn(query, 'namespace'), ports: listIn(query, 'port') };
    const heads = (await this.store.clusters()).filter(({ name, definition }) => definition !== null && sharedPoolOf(name) === undefined && passes(wanted.clusters, name));
    const groups: TargetGroup[] = [];
    let walked = 0;
    for (const { id, name, definition } of heads) {
      const { pools } = compileDefinition(JSON.parse(definition ?? '') as ClusterDefinition);
      for (const namespace of wanted.namespaces ?? [undefined])
        for await (const service of this.servicesOf(id, namespace)) {
          if (++walked > servicesMax) throw new ProblemError(problem('invalid_request', `more than ${servicesMax} Services; ask for fewer with ?cluster= and ?namespace=`));
          groups.push(...groupsOf(name, service, pools, wanted));
        }
    }
    return groups;
  }

  private async* servicesOf(clusterId: number, namespace: string | undefined): AsyncGenerator<ServiceObject> {
    for (let after: { namespace: string; name: string } | undefined; ;) {
      const page = await this.store.listDocuments(clusterId, { limit: pageServices, ...(namespace !== undefined && { namespace }), ...(after && { after }) });
      for (const { document } of page) yield parseDocument(document);
      after = page.at(-1);
      if (page.length < pageServices) return;
    }
  }
}

const groupsOf = (cluster: string, { metadata, spec }: ServiceObject, pools: readonly Pool[], wanted: Wanted): TargetGroup[] =>
  (spec.clusterIPs ?? []).flatMap((text) => {
    const address = parseAddress(text);
    if (address === undefined) return []; // headless
    const pool = poolOf(pools, address)?.name ?? '';
    if (!passes(wanted.pools, pool)) return [];
    const host = address.family === 'IPv6' ? `[${formatAddress(address)}]` : formatAddress(address);
    return (spec.ports ?? []).filter(({ port, name }) => wanted.ports === null || wanted.ports.includes(String(port)) || wanted.ports.includes(name ?? ''))
      .map(({ port, name, protocol }) => ({
        targets: [`${host}:${port}`],
        labels: {
          __meta_ipledger_cluster: cluster, __meta_ipledger_namespace: metadata.namespace ?? '', __meta_ipledger_service: metadata.name ?? '', __meta_ipledger_pool: pool,
          __meta_ipledger_family: address.family, __meta_ipledger_port_name: name ?? '', __meta_ipledger_protocol: protocol ?? 'TCP',
        },
      }));
  });

const listIn = (query: Params, name: string): string[] | null => {
  const value = query[name];
  const values = (Array.isArray(value) ? value.join(',') : typeof value === 'string' ? value : '').split(',').filter((one) => one !== '');
  return values.length === 0 ? null : values;
};
const passes = (filter: readonly string[] | null, value: string): boolean => filter === null || filter.includes(value);
