import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import { AnnotationQueryBuilder, DashboardBuilder, DatasourceVariableBuilder, QueryVariableBuilder, RowBuilder, VariableRefresh, type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { bars, infinitySource as source, lines, stat, table } from './panels.js';

interface Column {
  selector: string;
  text: string;
  type: 'string' | 'number' | 'timestamp' | 'timestamp_epoch';
}

const column = (selector: string, type: Column['type'] = 'string', text = selector): Column => ({ selector, text, type });
const numbers = (...selectors: readonly string[]): Column[] => selectors.map((selector) => column(selector, 'number'));

/** A query of the Infinity data source, for which the SDK has no builder. The selector is JSONata, evaluated in Grafana's backend. */
const infinity = (url: string, columns: readonly Column[], { selector = '$.items', format = 'table' } = {}): object => ({
  refId: 'A', datasource: source, type: 'json', source: 'url', parser: 'backend', format, url, url_options: { method: 'GET', data: '' }, root_selector: selector, columns, filters: [],
});
const query = (...of: Parameters<typeof infinity>): Builder<Dataquery>[] => [{ build: () => infinity(...of) as unknown as Dataquery }];

const chosen = 'kind=cluster-ip&cluster=${cluster:csv}&pool=${pool:csv}&family=${family:csv}';
const span = 'from=${__timeFrom}&to=${__timeTo}';

const variable = (name: string, filters: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name).datasource(source).multi(true).includeAll(true).current({ text: ['All'], value: ['$__all'] }).allValue('*').refresh(VariableRefresh.OnTimeRangeChanged)
    .query({ queryType: 'infinity', refId: 'variable', infinityQuery: infinity(`/v1/stats/options?of=${name}${filters}`, [column('__text'), column('__value')]) });

/** The dashboard "Pools without Prometheus": everything from the service itself, by the Infinity data source. */
export const poolsInfinityDashboard = (): Dashboard => {
  const board = new DashboardBuilder('ipledger: pools without Prometheus').uid('ipledger-pools-infinity').tags(['ipledger']).description('How full what is, since when and until when, asked of ipledger itself.')
    .timezone('browser').refresh('1m').time({ from: 'now-24h', to: 'now' }).editable()
    .withVariable(new DatasourceVariableBuilder('ds').label('Data source').type('yesoreyeram-infinity-datasource'))
    .withVariable(variable('cluster', ''))
    .withVariable(variable('pool', '&kind=cluster-ip&cluster=${cluster:csv}'))
    .withVariable(variable('family', '&kind=cluster-ip&cluster=${cluster:csv}&pool=${pool:csv}'))
    .annotation(new AnnotationQueryBuilder().name('Pools').datasource(source).enable(true).iconColor('blue').target({
      build: () => infinity(`/v1/stats/annotations?cluster=\${cluster:csv}&${span}`, [column('time', 'timestamp'), column('timeEnd', 'timestamp'), column('title'), column('text'), column('tags')], { format: 'dataframe' }) as unknown as Dataquery,
    }));
  for (const [title, panels] of rows()) {
    board.withRow(new RowBuilder(title));
    for (const panel of panels) board.withPanel(panel);
  }
  return board.build();
};

const rows = () => [['Now', now()], ['Pools', pools()], ['Over time', overTime()], ['Load balancer addresses', loadBalancer()], ['Services', services()]] as const;

const now = () => {
  const total = (family: string): string => `{"left": $sum($.items[family = "${family}"].available)}`;
  const left = (family: string) => stat(source, { title: `${family} addresses left`, description: 'Over the chosen pools.', width: 6, targets: query(`/v1/stats/pools?${chosen}`, numbers('left'), { selector: total(family) }) }, [1000, 100]);
  return [
    stat(source, { title: 'Families above 80 %', description: 'Over all open pools of a cluster and family.', width: 6, targets: query('/v1/stats/clusters?cluster=${cluster:csv}', numbers('families'), { selector: '{"families": $count($.items[utilization > 0.8])}' }) }, [1, 1]),
    left('IPv4'), left('IPv6'),
    stat(source, { title: 'Services', description: 'In the chosen clusters.', width: 6, targets: query('/v1/stats/services?cluster=${cluster:csv}', numbers('services'), { selector: '{"services": $sum($.items.count)}' }) }, [1e9, 1e9]),
  ];
};

const forecastColumns = [column('trendPerDay', 'number', 'growth a day'), column('exhaustsAtEarliest', 'timestamp', 'full at the earliest'), column('exhaustsAtLatest', 'timestamp', 'full at the latest')];
const pools = () => [
  bars(source, { title: 'In use', description: 'A draining pool has nothing to give and counts as full.', width: 8, height: 10, targets: query(`/v1/stats/pools?${chosen}`, [column('name'), column('utilization', 'number')], { selector: '$.items.{"name": cluster & " " & pool, "utilization": utilization}' }) }, true),
  table(source, { title: 'Pools', description: 'With when they are full if they go on as in the last two weeks.', width: 16, height: 10, targets: query(`/v1/stats/pools?${chosen}`,
    [column('cluster'), column('pool'), column('family'), column('state'), ...numbers('capacity', 'allocated', 'available', 'utilization'), ...forecastColumns]) }),
  table(source, { title: 'Families', description: 'The pools of a cluster and family together: what an alert judges.', width: 24, targets: query('/v1/stats/clusters?cluster=${cluster:csv}&family=${family:csv}',
    [column('cluster'), column('family'), column('cidrs', 'string', 'ranges'), ...numbers('capacity', 'allocated', 'available', 'utilization'), ...forecastColumns]) }),
];

const overTime = () => ['allocated', 'available'].map((figure) => lines(source, {
  title: figure === 'allocated' ? 'Allocated' : 'Left', description: 'From the usage history: no Prometheus is needed.', width: 12,
  targets: query(`/v1/stats/pools/history?${chosen}&${span}&step=\${__interval}`, [column('time', 'timestamp_epoch'), column('name'), column(figure, 'number')], { selector: `$.items.{"time": time, "name": cluster & " " & pool, "${figure}": ${figure}}`, format: 'timeseries' }),
}));

/** Of all clusters and of the shared pools, which belong to none. */
const loadBalancer = () => [
  bars(source, { title: 'LB pools in use', description: 'Each range of each pool.', width: 8, targets: query('/v1/stats/pools?kind=load-balancer', [column('name'), column('utilization', 'number')], { selector: '$.items.{"name": lbPool & " " & pool, "utilization": utilization}' }) }, true),
  table(source, { title: 'LB pools', description: 'Of a shared pool the cluster is empty.', width: 16, targets: query('/v1/stats/pools?kind=load-balancer',
    [column('lbPool', 'string', 'LB pool'), column('cluster'), column('pool', 'string', 'range'), column('family'), column('state'), ...numbers('capacity', 'allocated', 'available', 'utilization'), ...forecastColumns]) }),
  lines(source, {
    title: 'Load balancer addresses allocated', description: 'From the usage history.', width: 24,
    targets: query(`/v1/stats/pools/history?kind=load-balancer&${span}&step=\${__interval}`, [column('time', 'timestamp_epoch'), column('name'), column('allocated', 'number')], { selector: '$.items.{"time": time, "name": lbPool & " " & pool, "allocated": allocated}', format: 'timeseries' }),
  }),
];

const services = () => [
  table(source, { title: 'Services by kind', description: 'How many there are of each kind.', width: 12, targets: query('/v1/stats/services?cluster=${cluster:csv}', [column('cluster'), column('type'), column('ipFamilyPolicy', 'string', 'policy'), column('families'), ...numbers('count')]) }),
  table(source, { title: 'Top namespaces', description: 'Who holds most addresses.', width: 12, targets: query('/v1/stats/namespaces?cluster=${cluster:csv}&family=${family:csv}&top=20', [column('cluster'), column('namespace'), column('family'), ...numbers('allocated')]) }),
];
