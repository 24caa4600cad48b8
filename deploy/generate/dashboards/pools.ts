import { AnnotationQueryBuilder, DashboardBuilder, DatasourceVariableBuilder, QueryVariableBuilder, RowBuilder, VariableRefresh, VariableSort, type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { written } from '../rules.js';
import { alertList, bars, lines, prometheusSource as source, stat, table } from './panels.js';

const matchers = 'cluster=~"$cluster", pool=~"$pool", family=~"$family"';
const clusters = 'cluster=~"$cluster"';
const of = (extra = ''): string => `{${matchers}${extra && `, ${extra}`}}`;
const pools = written(of());

/** The refIds A, B, … of the targets of a panel. */
const queries = (...targets: readonly [expr: string, legend: string][]): DataqueryBuilder[] =>
  targets.map(([expr, legend], index) => new DataqueryBuilder().refId(String.fromCharCode(65 + index)).expr(expr).legendFormat(legend).range());
const instant = (...targets: readonly [expr: string, legend: string][]): DataqueryBuilder[] => queries(...targets).map((query) => query.instant());
const columns = (...exprs: readonly string[]): DataqueryBuilder[] => instant(...exprs.map((expr): [string, string] => [expr, '__auto'])).map((query) => query.format(PromQueryFormat.Table));

/** What the addresses of a family that were taken in 6 hours leave, in days. No row where nothing grows. */
const growthPerDay = `86400 * (max by (cluster, pool, family) (sum by (cluster, pool, family, instance) (deriv(ipledger_pool_allocated_addresses${of()}[6h]))) > 0)`;

const variable = (name: string, query: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name).query({ query, refId: name }).definition(query).datasource(source).multi(true).includeAll(true).allValue('.*')
    .current({ text: ['All'], value: ['$__all'] }).refresh(VariableRefresh.OnTimeRangeChanged).sort(VariableSort.AlphabeticalAsc);

/** The dashboard "Pools": which pool runs out, when, and is anything stuck. Needs a Prometheus that scrapes, but no rules in it. */
export const poolsDashboard = (): Dashboard => {
  const board = new DashboardBuilder('ipledger: pools').uid('ipledger-pools').tags(['ipledger']).description('Which pool runs out, when, and is anything stuck.').timezone('browser').refresh('1m').time({ from: 'now-24h', to: 'now' }).editable()
    .withVariable(new DatasourceVariableBuilder('ds').label('Data source').type('prometheus'))
    .withVariable(variable('cluster', 'label_values(ipledger_pool_capacity_addresses, cluster)'))
    .withVariable(variable('pool', 'label_values(ipledger_pool_capacity_addresses{cluster=~"$cluster"}, pool)'))
    .withVariable(variable('family', 'label_values(ipledger_pool_capacity_addresses{cluster=~"$cluster", pool=~"$pool"}, family)'))
    .annotation(new AnnotationQueryBuilder().name('Ranges changed').datasource(source).enable(true).iconColor('blue')
      .expr(`changes(ipledger_pool_capacity_addresses${of()}[5m]) > 0`).titleFormat('Range of {{cluster}} changed').textFormat('{{pool}}').step('1m'));
  for (const [title, panels] of rows()) {
    board.withRow(new RowBuilder(title));
    for (const panel of panels) board.withPanel(panel);
  }
  return board.build();
};

const rows = () => [
  ['Now', now()], ['Pools', poolPanels()], ['Over time', overTime()], ['Load balancer addresses', loadBalancer()], ['Allocations', allocations()], ['Services', services()], ['Service health', health()],
] as const;

const now = () => {
  const left = (family: string): string => `sum(max by (cluster, pool, band) (ipledger_pool_available_addresses${of(`family="${family}"`)}))`;
  return [
    stat(source, { title: 'Families above 80 %', description: 'Clusters and families with more than 80 % in use, over all their open pools.', width: 5, targets: instant([`count(${pools.familyUtilization} > 0.8) or vector(0)`, 'families']) }, [1, 1]),
    stat(source, { title: 'IPv4 addresses left', description: 'Over the chosen pools.', width: 5, targets: instant([left('IPv4'), 'IPv4']) }, [1000, 100]),
    stat(source, { title: 'IPv6 addresses left', description: 'Over the chosen pools.', width: 5, targets: instant([left('IPv6'), 'IPv6']) }, [1000, 100]),
    stat(source, { title: 'Unsatisfied Services', description: 'Have one family where two were preferred and the cluster has two.', width: 5, targets: instant([`sum(max by (cluster, reason) (ipledger_services_unsatisfied{${clusters}}))`, 'Services']) }, [1, 100]),
    stat(source, { title: 'Failing allocations', description: 'Attempts a minute that ended without an address.', width: 4, targets: instant([`60 * sum(rate(ipledger_allocations_total{${clusters}, outcome!="success"}[$__rate_interval])) or vector(0)`, 'a minute']) }, [0.01, 1]),
  ];
};

const poolPanels = () => [
  bars(source, { title: 'In use', description: 'A draining pool has nothing to give and counts as full.', width: 10, height: 10, targets: instant([pools.utilization, '{{cluster}} {{pool}}']) }),
  table(source, {
    title: 'Pools', description: 'Days left at the pace of the last 6 hours; empty where nothing grows.', width: 14, height: 10,
    targets: columns(pools.capacity, `sum by (cluster, pool, family) (max by (cluster, pool, family, band) (ipledger_pool_allocated_addresses${of()}))`, pools.available('cluster, pool, family'), `${pools.available('cluster, pool, family')} / (${growthPerDay})`),
  }, [
    { id: 'merge', options: {} },
    { id: 'organize', options: { excludeByName: { Time: true }, renameByName: { 'Value #A': 'capacity', 'Value #B': 'allocated', 'Value #C': 'available', 'Value #D': 'days left' } } },
  ]),
];

const overTime = () => [
  lines(source, { title: 'Allocated by family', description: 'Addresses held.', width: 12, targets: queries([`sum by (family) (max by (cluster, pool, family, band) (ipledger_pool_allocated_addresses${of()}))`, '{{family}}']) }, { stacked: true }),
  lines(source, {
    title: 'Left, and left in 4 days', description: 'The second line is where a straight line through the last 6 hours leads.', width: 12,
    targets: queries(
      [pools.available('cluster, family'), '{{cluster}} {{family}}'],
      [`clamp_min(sum by (cluster, family) (max by (cluster, pool, family, band) (predict_linear(ipledger_pool_available_addresses${of()}[6h], 4 * 86400))), 0)`, '{{cluster}} {{family}} in 4 days']),
  }),
];

/** Of LB pools: metrics of their own, so that nothing else here counts them. A shared pool has the cluster "" and is shown whichever clusters are chosen. */
const loadBalancer = () => {
  const lb = 'cluster=~"$cluster|"';
  const figure = (name: string, extra = ''): string => `sum by (cluster, lb_pool, family) (max by (cluster, lb_pool, pool, family${extra && ', reason'}) (ipledger_lb_pool_${name}_addresses{${lb}}))`;
  return [
    bars(source, { title: 'LB pools in use', description: 'Each pool and family. What drains hands out nothing and counts as full.', width: 8, targets: instant([`1 - ${figure('available')} / ${figure('capacity')}`, '{{lb_pool}} {{family}}']) }),
    table(source, { title: 'LB pools', description: 'Of a shared pool the cluster is empty.', width: 8, targets: columns(figure('capacity'), figure('allocated'), figure('reserved', 'reason'), figure('available')) }, [
      { id: 'merge', options: {} },
      { id: 'organize', options: { excludeByName: { Time: true }, renameByName: { 'Value #A': 'capacity', 'Value #B': 'allocated', 'Value #C': 'held back', 'Value #D': 'available' } } },
    ]),
    lines(source, { title: 'Services that wait', description: 'For load balancer addresses, by reason.', width: 4, targets: queries([`sum by (reason) (max by (cluster, reason) (ipledger_lb_waiting_services{${clusters}}))`, '{{reason}}']) }, { stacked: true }),
    lines(source, { title: 'Longest wait', description: 'And, of shared pools, the oldest claim that no Service has.', unit: 's', width: 4, targets: queries([`max by (cluster) (ipledger_lb_oldest_wait_seconds{${clusters}})`, '{{cluster}}'], ['max by (lb_pool) (ipledger_lb_oldest_unattached_claim_seconds)', '{{lb_pool}} claims']) }),
  ];
};

const allocations = () => [
  lines(source, { title: 'Attempts by outcome', description: 'One per family of a Service.', unit: 'ops', width: 6, targets: queries([`sum by (outcome) (rate(ipledger_allocations_total{${clusters}}[$__rate_interval]))`, '{{outcome}}']) }, { stacked: true }),
  lines(source, { title: 'Latency', description: 'From queueing to commit. Points lead to single requests.', unit: 's', width: 6, targets: [0.5, 0.99].map((quantile, index) =>
    queries([`histogram_quantile(${quantile}, sum by (le) (rate(ipledger_allocation_duration_seconds_bucket[$__rate_interval])))`, `p${quantile * 100}`])[0]!.refId('AB'[index]!).exemplar(true)) }),
  lines(source, { title: 'Releases', description: 'Why addresses came back.', unit: 'ops', width: 6, targets: queries([`sum by (reason) (rate(ipledger_releases_total{${clusters}}[$__rate_interval]))`, '{{reason}}']) }, { stacked: true }),
  lines(source, { title: 'Decided again', description: 'Appends that another replica came before.', unit: 'ops', width: 6, targets: queries([`sum by (reason) (rate(ipledger_allocation_retries_total{${clusters}}[$__rate_interval]))`, '{{reason}}']) }),
];

const services = () => (['type', 'ip_family_policy', 'families'] as const).map((label) => lines(source, {
  title: `Services by ${{ type: 'type', ip_family_policy: 'policy', families: 'families' }[label]}`, description: 'How many there are.', width: 8,
  targets: queries([`sum by (${label}) (max by (cluster, type, ip_family_policy, families) (ipledger_services{${clusters}}))`, `{{${label}}}`]),
}, { stacked: true }));

const health = () => [
  lines(source, { title: 'Requests', description: 'By class of status.', unit: 'reqps', width: 8, targets: queries(['sum by (code) (rate(ipledger_http_request_duration_seconds_count[$__rate_interval]))', '{{code}}']) }, { stacked: true }),
  lines(source, { title: 'Slow routes', description: 'The five slowest, at the 99th percentile.', unit: 's', width: 8, targets: queries(['topk(5, histogram_quantile(0.99, sum by (le, route, method) (rate(ipledger_http_request_duration_seconds_bucket[$__rate_interval]))) > 0)', '{{method}} {{route}}']) }),
  alertList({ title: 'Alerts', description: 'Of ipledger, firing or about to.', width: 8 }),
  lines(source, { title: 'Database', description: '99th percentile of statements.', unit: 's', width: 8, targets: queries(['histogram_quantile(0.99, sum by (le) (rate(ipledger_database_query_duration_seconds_bucket[$__rate_interval])))', 'p99']) }),
  lines(source, { title: 'Database connections', description: 'And requests that wait for one.', width: 8, targets: queries(['sum by (state) (ipledger_database_connections)', '{{state}}']) }, { stacked: true }),
  lines(source, { title: 'Views behind the log', description: 'Events that the views, and with Kafka its readers, do not have yet.', width: 8, targets: queries(
    [`max by (cluster) (ipledger_cluster_revision{${clusters}}) - max by (cluster) (ipledger_projection_revision{${clusters}})`, '{{cluster}} views'], [`max by (cluster) (ipledger_relay_lag_events{${clusters}})`, '{{cluster}} Kafka']) }),
  lines(source, { title: 'Commands that wait, watches', description: 'Queues of the writers, open streams.', width: 8, targets: queries([`sum(ipledger_writer_queue_commands{${clusters}})`, 'commands'], [`sum(ipledger_watch_streams{${clusters}})`, 'watches']) }),
];
