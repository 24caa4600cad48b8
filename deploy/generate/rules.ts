/**
 * The one table of recording rules and alerts. `prometheus-rules.ts` makes the rules of a Prometheus of it, and
 * `grafana-alerts.ts` alerts that Grafana itself evaluates, so that the two cannot diverge.
 *
 * Alerts judge cluster and family, not the single pool: with several CIDRs of a family one full pool is normal while another has room.
 */
export interface RecordingRule {
  record: string;
  expr: string;
}

export const alertGroupNames = ['capacity', 'load-balancer', 'service'] as const;

export interface Alert {
  name: string;
  group: (typeof alertGroupNames)[number];
  /** PromQL over what is recorded, or over the same written out where nothing is recorded. */
  expr(series: FamilySeries): string;
  /** How long it must be true; `0s` = at once. */
  for: string;
  severity: 'critical' | 'warning' | 'info';
  /** One line for a phone at night; `{{ $value }}` is the value of the expression. */
  summary: string;
  description: string;
}

/** Of each LB pool and family, over the ranges that do not drain: Services may ask for a pool by name, so each is judged by itself. */
const lbPool = (figure: 'available' | 'capacity'): string =>
  `sum by (cluster, lb_pool, family) (max by (cluster, lb_pool, pool, family) (ipledger_lb_pool_${figure}_addresses) unless on (cluster, lb_pool, pool, family) ipledger_lb_pool_info{state="draining"})`;
const lbName = 'LB pool {{ $labels.lb_pool }} {{ $labels.family }}';

/** Where an alert finds the two figures of a family: the share in use and what is left. */
export interface FamilySeries {
  utilization: string;
  available: string;
  /** `available` over a past span, such as `6h`. */
  availableOver(span: string): string;
}

/** The figures of pools and families from the metrics themselves. The series of several replicas are equal, hence `max by`. @param matchers such as `{cluster="prod"}` */
export const written = (matchers = '') => {
  const capacity = `max by (cluster, pool, family) (ipledger_pool_capacity_addresses${matchers})`;
  const utilization = `max by (cluster, pool, family) (ipledger_pool_utilization_ratio${matchers})`;
  const available = (by: string, span = ''): string => `sum by (${by}) (max by (cluster, pool, family, band) (ipledger_pool_available_addresses${matchers}${span}))`;
  return { capacity, utilization, available, familyUtilization: familyUtilization(utilization, capacity) };
};

/** Nothing new comes from a draining pool: its size says nothing about how full the family is. */
const notDraining = 'unless on (cluster, pool, family) ipledger_pool_info{state="draining"}';

/** The exact ratios, weighted by size: `1 - available / capacity` would round to 0 for IPv6. */
const familyUtilization = (poolUtilization: string, poolCapacity: string): string =>
  `sum by (cluster, family) (${poolUtilization} * ${poolCapacity} ${notDraining}) / sum by (cluster, family) (${poolCapacity} ${notDraining})`;

const { capacity, utilization, available, familyUtilization: familyWritten } = written();

export const recordingRules: readonly RecordingRule[] = [
  { record: 'cluster_pool_family:ipledger_pool_capacity:addresses', expr: capacity },
  { record: 'cluster_pool_family:ipledger_pool_available:addresses', expr: available('cluster, pool, family') },
  { record: 'cluster_pool_family:ipledger_pool_utilization:ratio', expr: utilization },
  { record: 'cluster_family:ipledger_pool_available:addresses', expr: 'sum by (cluster, family) (cluster_pool_family:ipledger_pool_available:addresses)' },
  {
    record: 'cluster_family:ipledger_pool_utilization:ratio',
    expr: familyUtilization('cluster_pool_family:ipledger_pool_utilization:ratio', 'cluster_pool_family:ipledger_pool_capacity:addresses'),
  },
];

export const recorded: FamilySeries = {
  utilization: 'cluster_family:ipledger_pool_utilization:ratio',
  available: 'cluster_family:ipledger_pool_available:addresses',
  availableOver: (span) => `cluster_family:ipledger_pool_available:addresses[${span}]`,
};

/** The same without recording rules, for who evaluates alerts elsewhere. */
export const writtenOut: FamilySeries = {
  utilization: `(${familyWritten})`,
  available: available('cluster, family'),
  availableOver: (span) => `${available('cluster, family')}[${span}:5m]`,
};

const family = '{{ $labels.cluster }} {{ $labels.family }}';

const capacityAlerts: readonly Omit<Alert, 'group'>[] = [
  {
    name: 'IpledgerPoolUsageHigh', for: '15m', severity: 'warning',
    // The second guard keeps huge pools quiet, where a fifth of the addresses is still plenty.
    expr: (s) => `${s.utilization} > 0.8 and ${s.available} < 1000`,
    summary: `${family}: {{ $value | humanizePercentage }} of the Service addresses are in use`,
    description: 'Fewer than 1000 addresses of the family are left in this cluster, over all its pools.',
  },
  {
    name: 'IpledgerPoolUsageCritical', for: '5m', severity: 'critical',
    expr: (s) => `${s.utilization} > 0.95 and ${s.available} < 1000`,
    summary: `${family}: {{ $value | humanizePercentage }} of the Service addresses are in use`,
    description: 'Soon no further Service of this family can be created in this cluster.',
  },
  {
    name: 'IpledgerPoolExhausted', for: '1m', severity: 'critical',
    expr: (s) => `${s.available} == 0`,
    summary: `${family}: no Service address is left`,
    description: 'Every further Service that needs an address of this family is refused.',
  },
  {
    name: 'IpledgerPoolExhaustionPredicted', for: '30m', severity: 'warning',
    // On what is left, never on a ratio: those of IPv6 are too small for a line.
    expr: (s) => `predict_linear(${s.availableOver('6h')}, 4 * 86400) < 0 and ${s.utilization} > 0.5`,
    summary: `${family}: at the pace of the last 6 hours no Service address is left in 4 days`,
    description: 'A straight line through the last 6 hours reaches zero within 4 days, and more than half is in use already.',
  },
  {
    name: 'IpledgerPoolFullSoon', for: '1h', severity: 'warning',
    // The late bound, so that a single busy day does not wake anybody: even at the slower pace there is no week left.
    expr: () => 'max by (cluster, family) (ipledger_family_exhaustion_timestamp_seconds{bound="late"}) - time() < 7 * 86400',
    summary: `${family}: full in {{ $value | humanizeDuration }} even at the slower pace of the last two weeks`,
    description: 'The forecast of ipledger itself, which bursts and mass deletions do not move, puts even its late bound within a week.',
  },
  {
    name: 'IpledgerDualStackImbalance', for: '1h', severity: 'info',
    expr: (s) => `max by (cluster) (${s.utilization}) - min by (cluster) (${s.utilization}) > 0.3 and max by (cluster) (${s.utilization}) > 0.7`,
    summary: '{{ $labels.cluster }}: one family is much fuller than the other',
    description: 'Dual-stack Services need both families: the fuller one decides how many more there can be.',
  },
];

const staleSpan = '18h';

const loadBalancerAlerts: readonly Omit<Alert, 'group'>[] = [
  {
    name: 'IpledgerLbPoolNearlyFull', for: '15m', severity: 'warning',
    // The second guard keeps large pools quiet, as above.
    expr: () => `1 - ${lbPool('available')} / ${lbPool('capacity')} > 0.9 and ${lbPool('available')} < 10`,
    summary: `${lbName}: {{ $value | humanizePercentage }} of the addresses are in use`,
    description: 'Fewer than 10 addresses of the family are left in this LB pool. Of a shared pool the label cluster is empty.',
  },
  {
    name: 'IpledgerLbPoolFull', for: '5m', severity: 'warning',
    expr: () => `${lbPool('available')} == 0`,
    summary: `${lbName}: no load balancer address is left`,
    description: 'Further Services of type LoadBalancer wait until an address comes back, or get one of another pool. Their cluster IPs are not concerned.',
  },
  {
    name: 'IpledgerLoadBalancerWaiting', for: '10m', severity: 'warning',
    expr: () => 'max by (cluster, reason) (ipledger_lb_waiting_services) > 0',
    summary: '{{ $labels.cluster }}: {{ $value }} Services wait for load balancer addresses ({{ $labels.reason }})',
    description: 'They exist and have cluster IPs; the condition ipledger.io/LoadBalancerAddresses of each says what it lacks.',
  },
  {
    name: 'IpledgerLbClaimsNotReleased', for: '5m', severity: 'warning',
    expr: () => 'max by (lb_pool) (ipledger_lb_oldest_unattached_claim_seconds) > 600',
    summary: 'LB pool {{ $labels.lb_pool }}: an address has been claimed for {{ $value | humanizeDuration }} and no Service has it',
    description: 'The steps of the assigner take a second. Nothing is held twice, but the address is neither used nor free.',
  },
];

const serviceAlerts: readonly Omit<Alert, 'group'>[] = [
  {
    name: 'IpledgerAllocationsFailing', for: '2m', severity: 'critical',
    expr: () => 'sum by (cluster, family) (rate(ipledger_allocations_total{outcome="exhausted"}[5m])) > 0',
    summary: `${family}: Services are refused, since no address is left`,
    description: 'Attempts to allocate an address of this family failed during the last 5 minutes, because every pool is full.',
  },
  {
    name: 'IpledgerAllocationErrors', for: '10m', severity: 'warning',
    expr: () => 'sum by (cluster) (rate(ipledger_allocations_total{outcome=~"error|conflict"}[15m])) / sum by (cluster) (rate(ipledger_allocations_total[15m])) > 0.05 and sum by (cluster) (increase(ipledger_allocations_total[15m])) > 20',
    summary: '{{ $labels.cluster }}: {{ $value | humanizePercentage }} of the attempts to allocate an address fail',
    description: 'They end in an error, or ask for an address that another Service holds.',
  },
  {
    name: 'IpledgerServicesUnsatisfied', for: '15m', severity: 'warning',
    expr: () => 'max by (cluster, reason) (ipledger_services_unsatisfied) > 0',
    summary: '{{ $labels.cluster }}: {{ $value }} Services have one family where two were preferred',
    description: 'They were made while the second family could not be had, or before the cluster had two.',
  },
  {
    name: 'IpledgerAllocationLatencyHigh', for: '10m', severity: 'warning',
    expr: () => 'histogram_quantile(0.99, sum by (le) (rate(ipledger_allocation_duration_seconds_bucket[5m]))) > 0.5',
    summary: 'one in a hundred allocations takes longer than {{ $value | humanizeDuration }}',
    description: 'From queueing to commit. Usually the disk or the locks of the database.',
  },
  {
    name: 'IpledgerProjectionStopped', for: '0s', severity: 'critical',
    expr: () => 'max by (cluster) (ipledger_projection_stopped) == 1',
    summary: '{{ $labels.cluster }}: the views do not follow the log any more',
    description: 'Allocation goes on; statistics, history and the figures of pools stand still for this cluster.',
  },
  {
    name: 'IpledgerProjectionBehind', for: '5m', severity: 'warning',
    expr: () => 'max by (cluster) (ipledger_cluster_revision) - max by (cluster) (ipledger_projection_revision) > 1000',
    summary: '{{ $labels.cluster }}: the views are {{ $value }} events behind the log',
    description: 'Figures of pools, statistics and history are as old as that.',
  },
  {
    name: 'IpledgerRelayBehind', for: '5m', severity: 'warning',
    expr: () => 'max by (cluster) (ipledger_relay_lag_seconds) > 60',
    summary: '{{ $labels.cluster }}: events wait {{ $value | humanizeDuration }} for Kafka',
    description: 'Allocation goes on and nothing is lost; who reads the topics sees it late.',
  },
  {
    name: 'IpledgerVerifyFoundDifferences', for: '0s', severity: 'warning',
    // Full ranges and addresses outside every range are states of a cluster, which other alerts tell.
    expr: () => 'sum by (cluster, type) (increase(ipledger_verify_differences_total{type!~"out_of_range|full"}[1h])) > 0',
    summary: '{{ $labels.cluster }}: the tables are not what the log says ({{ $labels.type }})',
    description: 'A scheduled verification folded the log afresh and found claims, documents or what else is derived from it to differ.',
  },
  {
    name: 'IpledgerVerifyStale', for: '0s', severity: 'warning',
    // Three times the default of VERIFY_INTERVAL_SECONDS: whoever sets another interval sets this too. From what clusters there are, since a process
    // whose verification never ends shows no success at all; over a span, since a process that ended showed one.
    expr: () => `max by (cluster) (ipledger_cluster_revision) and on (cluster) max by (cluster) (ipledger_cluster_revision offset ${staleSpan})
      unless on (cluster) (max by (cluster) (max_over_time(ipledger_verify_last_success_timestamp_seconds[${staleSpan}])) > time() - 3 * 21600)
      and on () (max(ipledger_verify_interval_seconds) > 0)`.replaceAll(/\s+/g, ' '),
    summary: '{{ $labels.cluster }}: the tables were not compared with the log for 18 hours',
    description: 'Scheduled verifications fail or do not come to an end.',
  },
  {
    name: 'IpledgerReloadFailed', for: '5m', severity: 'warning',
    expr: () => 'max by (instance, file) (ipledger_reload_failed) == 1',
    summary: '{{ $labels.instance }}: the {{ $labels.file }} file cannot be used, an older one is in force',
    description: 'A change of the access file or the TLS certificate has no effect; a token that was taken out still lets in.',
  },
  {
    name: 'IpledgerDatabaseDown', for: '2m', severity: 'critical',
    expr: () => 'ipledger_database_up == 0',
    summary: '{{ $labels.instance }}: the database does not answer',
    description: 'Nothing can be allocated or released through this process; what is written stays.',
  },
  {
    name: 'IpledgerDown', for: '2m', severity: 'critical',
    expr: () => 'up{job="ipledger"} == 0',
    summary: '{{ $labels.instance }}: ipledger cannot be scraped',
    description: 'The process is gone, hangs, or cannot be reached from Prometheus.',
  },
  {
    name: 'IpledgerMetricsAbsent', for: '2m', severity: 'critical',
    expr: () => 'absent(ipledger_build_info)',
    summary: 'no metrics of any ipledger arrive',
    description: 'The scrape is not configured, or every process is gone. All other alerts are blind meanwhile.',
  },
];

export const alerts: readonly Alert[] = [
  ...capacityAlerts.map((alert) => ({ ...alert, group: 'capacity' as const })),
  ...loadBalancerAlerts.map((alert) => ({ ...alert, group: 'load-balancer' as const })),
  ...serviceAlerts.map((alert) => ({ ...alert, group: 'service' as const })),
];

/** Where a person who was woken reads on: a heading per alert. Relative to the repository; replace it by the address of your copy. */
export const runbookLink = ({ name }: Pick<Alert, 'name'>): string => `docs/runbook.md#${name.toLowerCase()}`;
