import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { alertGroups, prometheusRules } from '../../deploy/generate/prometheus-rules.js';
import { alerts, runbookLink, writtenOut } from '../../deploy/generate/rules.js';
import { describeWith, run } from './binaries.js';

type Labels = Record<string, string>;
type Series = { series: string; values: string };
type Firing = { labels: Labels; summary: string };
interface Case {
  title: string;
  given: Series[];
  /** Minutes after the first sample. */
  at: number;
  /** Alerts that fire then; all others must not. */
  firing: Record<string, Firing[]>;
}

const minutes = 20 * 60;
/** '_' = no sample. */
type Value = (minute: number) => number | '_';
const every = (value: Value): string => Array.from({ length: minutes + 1 }, (_, minute) => String(value(minute))).join(' ');
const series = (name: string, labels: Labels, value: Value): Series =>
  ({ series: `${name}{${Object.entries(labels).map(([label, text]) => `${label}="${text}"`).join(',')}}`, values: every(value) });

interface PoolCourse { cluster?: string; pool: string; capacity: number; used(minute: number): number; state?: 'open' | 'draining' }

/** The gauges of a pool, as two replicas show them. */
const pool = ({ cluster = 'prod', pool: cidr, capacity, used, state = 'open' }: PoolCourse): Series[] => ['a', 'b'].flatMap((instance) => {
  const labels = { cluster, pool: cidr, family: cidr.includes(':') ? 'IPv6' : 'IPv4', instance };
  const left = (minute: number): number => (state === 'draining' ? 0 : capacity - used(minute));
  return [
    series('ipledger_pool_capacity_addresses', labels, () => capacity),
    series('ipledger_pool_available_addresses', { ...labels, band: 'static' }, (minute) => Math.min(16, left(minute))),
    series('ipledger_pool_available_addresses', { ...labels, band: 'dynamic' }, (minute) => Math.max(0, left(minute) - 16)),
    series('ipledger_pool_utilization_ratio', labels, (minute) => 1 - left(minute) / capacity),
    series('ipledger_pool_info', { ...labels, primary: 'true', state }, () => 1),
  ];
});
const small = { pool: '10.0.0.0/24', capacity: 254 };
const huge = { pool: 'fd00::/64', capacity: 2 ** 64 };
const steady = (used: number) => (): number => used;
/** 2.5 addresses an hour: 60 a day. */
const growing = (from: number) => (minute: number): number => from + Math.floor(minute / 24);

/** The gauges of a range of an LB pool. */
const lbRange = ({ cluster = 'prod', pool: range, capacity, used, state = 'open' }: PoolCourse): Series[] => ['a', 'b'].flatMap((instance) => {
  const labels = { cluster, lb_pool: 'edge', pool: range, family: range.includes(':') ? 'IPv6' : 'IPv4', instance };
  return [
    series('ipledger_lb_pool_capacity_addresses', labels, () => capacity),
    series('ipledger_lb_pool_available_addresses', labels, (minute) => (state === 'draining' ? 0 : capacity - used(minute))),
    series('ipledger_lb_pool_info', { ...labels, state }, () => 1),
  ];
});
const edge4 = { cluster: 'prod', lb_pool: 'edge', family: 'IPv4' };
const waiting = (reason: string, count: number): Series => series('ipledger_lb_waiting_services', { cluster: 'prod', reason, instance: 'a' }, () => count);

const attempts = (labels: Labels, perMinute: number): Series =>
  series('ipledger_allocations_total', { cluster: 'prod', pool: '10.0.0.0/24', family: 'IPv4', scope: 'dynamic', outcome: 'success', ...labels }, (minute) => perMinute * minute);
/** Allocations a minute that took at most so many seconds. */
const durations = (perMinute: Record<string, number>): Series[] => Object.entries({ ...perMinute, '+Inf': 10 })
  .map(([le, rate]) => series('ipledger_allocation_duration_seconds_bucket', { scope: 'dynamic', le }, (minute) => rate * minute));
const prod4 = { cluster: 'prod', family: 'IPv4' };

const cases: Case[] = [
  { title: 'an LB pool with room, one that drains, a large one with 10 left: nothing', given: [...lbRange({ pool: '203.0.113.0/28', capacity: 16, used: steady(8) }), ...lbRange({ cluster: 'two', pool: '198.51.100.1-198.51.100.4', capacity: 4, used: steady(4), state: 'draining' }), ...lbRange({ cluster: 'three', pool: '192.0.2.0/24', capacity: 256, used: steady(246) })], at: 480, firing: {} },
  {
    title: 'an LB pool with 1 of 16 left: nearly full, and nothing about cluster IPs', given: [...pool({ ...small, used: steady(10) }), ...lbRange({ pool: '203.0.113.0/28', capacity: 16, used: steady(15) })], at: 480,
    firing: { IpledgerLbPoolNearlyFull: [{ labels: edge4, summary: 'LB pool edge IPv4: 93.75% of the addresses are in use' }] },
  },
  {
    title: 'a full LB pool beside a range of it that drains', at: 480,
    given: [...lbRange({ pool: '203.0.113.0/30', capacity: 4, used: steady(4) }), ...lbRange({ pool: '203.0.113.8-203.0.113.9', capacity: 2, used: steady(0), state: 'draining' })],
    firing: {
      IpledgerLbPoolNearlyFull: [{ labels: edge4, summary: 'LB pool edge IPv4: 100% of the addresses are in use' }],
      IpledgerLbPoolFull: [{ labels: edge4, summary: 'LB pool edge IPv4: no load balancer address is left' }],
    },
  },
  {
    title: 'Services that wait', given: [waiting('PoolsExhausted', 3), waiting('NoPool', 0)], at: 480,
    firing: { IpledgerLoadBalancerWaiting: [{ labels: { cluster: 'prod', reason: 'PoolsExhausted' }, summary: 'prod: 3 Services wait for load balancer addresses (PoolsExhausted)' }] },
  },
  {
    title: 'a claim of a shared pool that nobody attaches or releases; one that is under way is nothing', at: 480,
    given: [series('ipledger_lb_oldest_unattached_claim_seconds', { lb_pool: 'edge', instance: 'a' }, () => 900), series('ipledger_lb_oldest_unattached_claim_seconds', { lb_pool: 'wide', instance: 'a' }, () => 2)],
    firing: { IpledgerLbClaimsNotReleased: [{ labels: { lb_pool: 'edge' }, summary: 'LB pool edge: an address has been claimed for 15m 0s and no Service has it' }] },
  },
  { title: 'an empty pool and a huge one that is in use: nothing', given: [...pool({ ...small, used: steady(0) }), ...pool({ ...huge, used: steady(2 ** 20) })], at: 480, firing: {} },
  { title: '70 % in use, steady: nothing', given: pool({ ...small, used: steady(178) }), at: 480, firing: {} },
  { title: 'more than half in use but shrinking: nothing', given: pool({ ...small, used: (minute) => 200 - growing(0)(minute) }), at: 480, firing: {} },
  {
    title: '60 a day with 104 left: predicted; the same growth in a /64 is not', at: 480,
    given: [...pool({ ...small, used: growing(130) }), ...pool({ ...huge, used: growing(130) })],
    firing: { IpledgerPoolExhaustionPredicted: [{ labels: prod4, summary: 'prod IPv4: at the pace of the last 6 hours no Service address is left in 4 days' }] },
  },
  { title: 'the same growth in a pool that is not half full is not predicted', given: pool({ ...small, used: growing(95) }), at: 480, firing: {} },
  {
    title: '85 % for 20 minutes and 614 left, which two replicas say: high', given: pool({ pool: '10.0.0.0/20', capacity: 4094, used: steady(3480) }), at: 20,
    firing: { IpledgerPoolUsageHigh: [{ labels: prod4, summary: 'prod IPv4: 85% of the Service addresses are in use' }] },
  },
  { title: 'the same for 10 minutes: not yet', given: pool({ ...small, used: steady(216) }), at: 10, firing: {} },
  { title: '90 % of a pool with thousands left: nothing', given: pool({ pool: '10.0.0.0/16', capacity: 65_534, used: steady(60_000) }), at: 480, firing: {} },
  {
    title: '250 of 254 for 10 minutes: critical', given: pool({ ...small, used: steady(250) }), at: 10,
    firing: { IpledgerPoolUsageCritical: [{ labels: prod4, summary: 'prod IPv4: 98.43% of the Service addresses are in use' }] },
  },
  {
    title: 'nothing left: exhausted, after a minute', given: pool({ ...small, used: steady(254) }), at: 2,
    firing: { IpledgerPoolExhausted: [{ labels: prod4, summary: 'prod IPv4: no Service address is left' }] },
  },
  { title: 'one full pool beside a free one of the same family: nothing', given: [...pool({ ...small, used: steady(254) }), ...pool({ pool: '10.9.0.0/16', capacity: 65_534, used: steady(0) })], at: 480, firing: {} },
  {
    title: 'the same CIDR in two clusters: only the full one', given: [...pool({ ...small, used: steady(254) }), ...pool({ ...small, cluster: 'test', used: steady(10) })], at: 2,
    firing: { IpledgerPoolExhausted: [{ labels: prod4, summary: 'prod IPv4: no Service address is left' }] },
  },
  {
    title: 'a draining pool has nothing to give and counts for nothing else', at: 480,
    given: [...pool({ ...small, used: steady(20) }), ...pool({ pool: '10.9.0.0/22', capacity: 1022, used: steady(900), state: 'draining' })], firing: {},
  },
  {
    title: 'the only pool of a family drains: exhausted', at: 2, given: pool({ ...small, used: steady(20), state: 'draining' }),
    firing: { IpledgerPoolExhausted: [{ labels: prod4, summary: 'prod IPv4: no Service address is left' }] },
  },
  {
    title: 'IPv4 three quarters full, IPv6 empty: imbalance', at: 70, given: [...pool({ ...small, used: steady(200) }), ...pool({ ...huge, used: steady(200) })],
    firing: { IpledgerDualStackImbalance: [{ labels: { cluster: 'prod' }, summary: 'prod: one family is much fuller than the other' }] },
  },
  {
    title: 'attempts that found every pool full, counted under no pool: failing', at: 10, given: [attempts({}, 10), attempts({ pool: '', outcome: 'exhausted' }, 1)],
    firing: { IpledgerAllocationsFailing: [{ labels: prod4, summary: 'prod IPv4: Services are refused, since no address is left' }] },
  },
  {
    title: 'one attempt in ten conflicts: errors', at: 30, given: [attempts({}, 9), attempts({ pool: '', outcome: 'conflict' }, 1)],
    firing: { IpledgerAllocationErrors: [{ labels: { cluster: 'prod' }, summary: 'prod: 10% of the attempts to allocate an address fail' }] },
  },
  { title: 'one attempt in 25 conflicts, or too few attempts to judge: nothing', at: 30, given: [attempts({}, 24), attempts({ outcome: 'conflict' }, 1), attempts({ cluster: 'test', outcome: 'conflict' }, 1)], firing: {} },
  {
    title: 'allocations of 0.5 to 1 s: latency', at: 20,
    given: durations({ 0.5: 0, 1: 10 }),
    firing: { IpledgerAllocationLatencyHigh: [{ labels: {}, summary: 'one in a hundred allocations takes longer than 995ms' }] },
  },
  { title: 'allocations of 0.25 to 0.5 s: nothing', at: 20, given: durations({ 0.25: 0, 0.5: 10, 1: 10 }), firing: {} },
  {
    title: 'a forecast within the week, seen by two replicas; a later one of another family', at: 70,
    given: ['a', 'b'].flatMap((instance) => [
      series('ipledger_family_exhaustion_timestamp_seconds', { cluster: 'prod', family: 'IPv4', bound: 'late', instance }, () => 3 * 86_400 + 70 * 60),
      series('ipledger_family_exhaustion_timestamp_seconds', { cluster: 'prod', family: 'IPv6', bound: 'early', instance }, () => 86_400),
      series('ipledger_family_exhaustion_timestamp_seconds', { cluster: 'prod', family: 'IPv6', bound: 'late', instance }, () => 30 * 86_400),
    ]),
    firing: { IpledgerPoolFullSoon: [{ labels: prod4, summary: 'prod IPv4: full in 3d 0h 0m 0s even at the slower pace of the last two weeks' }] },
  },
  {
    title: 'Services that lack a family', at: 20, given: [series('ipledger_services_unsatisfied', { cluster: 'prod', reason: 'single_family', instance: 'a' }, () => 3), series('ipledger_services_unsatisfied', { cluster: 'test', reason: 'single_family' }, () => 0)],
    firing: { IpledgerServicesUnsatisfied: [{ labels: { cluster: 'prod', reason: 'single_family' }, summary: 'prod: 3 Services have one family where two were preferred' }] },
  },
  {
    title: 'the projection of one cluster has stopped', at: 1, given: ['prod', 'test'].map((cluster) => series('ipledger_projection_stopped', { cluster }, () => (cluster === 'prod' ? 1 : 0))),
    firing: { IpledgerProjectionStopped: [{ labels: { cluster: 'prod' }, summary: 'prod: the views do not follow the log any more' }] },
  },
  {
    title: 'the views are behind, but for the freshest projector only a little in test', at: 10,
    given: [...['prod', 'test'].map((cluster) => series('ipledger_cluster_revision', { cluster, instance: 'a' }, () => 5_000)), series('ipledger_projection_revision', { cluster: 'prod', instance: 'p' }, () => 3_000),
      series('ipledger_projection_revision', { cluster: 'test', instance: 'p' }, () => 3_000), series('ipledger_projection_revision', { cluster: 'test', instance: 'q' }, () => 4_999)],
    firing: { IpledgerProjectionBehind: [{ labels: { cluster: 'prod' }, summary: 'prod: the views are 2000 events behind the log' }] },
  },
  {
    title: 'the relay is behind', at: 10, given: [series('ipledger_relay_lag_seconds', { cluster: 'prod' }, () => 120), series('ipledger_relay_lag_seconds', { cluster: 'test' }, () => 0)],
    firing: { IpledgerRelayBehind: [{ labels: { cluster: 'prod' }, summary: 'prod: events wait 2m 0s for Kafka' }] },
  },
  {
    title: 'a verification found a leak; a full range and one that lies elsewhere are no differences', at: 70,
    given: ['leak', 'full', 'out_of_range'].map((type) => series('ipledger_verify_differences_total', { cluster: 'prod', type }, (minute) => (minute < 40 ? 0 : 2))),
    firing: { IpledgerVerifyFoundDifferences: [{ labels: { cluster: 'prod', type: 'leak' }, summary: 'prod: the tables are not what the log says (leak)' }] },
  },
  {
    title: 'no verification came to its end for three intervals: never, long ago, or in a process that is gone; a young cluster has time, another replica counts', at: 19 * 60,
    given: [
      ...['never', 'old', 'gone', 'done', 'young'].map((cluster) => series('ipledger_cluster_revision', { cluster, instance: 'a' }, (minute) => (cluster === 'young' && minute < 600 ? '_' : 7))),
      series('ipledger_cluster_revision', { cluster: 'removed', instance: 'a' }, (minute) => (minute < 600 ? 7 : '_')),
      ...['a', 'b'].map((instance) => series('ipledger_verify_interval_seconds', { instance }, () => 21_600)),
      series('ipledger_verify_last_success_timestamp_seconds', { cluster: 'old', instance: 'a' }, () => 3_000),
      series('ipledger_verify_last_success_timestamp_seconds', { cluster: 'gone', instance: 'a' }, (minute) => (minute < 1_000 ? 50_000 : '_')),
      series('ipledger_verify_last_success_timestamp_seconds', { cluster: 'done', instance: 'a' }, () => 0),
      series('ipledger_verify_last_success_timestamp_seconds', { cluster: 'done', instance: 'b' }, () => 60_000),
    ],
    firing: { IpledgerVerifyStale: ['never', 'old'].map((cluster) => ({ labels: { cluster }, summary: `${cluster}: the tables were not compared with the log for 18 hours` })) },
  },
  {
    title: 'no process is to verify: nothing', at: 19 * 60, given: [series('ipledger_cluster_revision', { cluster: 'prod', instance: 'a' }, () => 7)], firing: {},
  },
  {
    title: 'an access file cannot be used for six minutes; another process has read it', at: 6,
    given: [series('ipledger_reload_failed', { instance: 'a', file: 'access' }, () => 1), series('ipledger_reload_failed', { instance: 'a', file: 'tls' }, () => 0), series('ipledger_reload_failed', { instance: 'b', file: 'access' }, () => 0)],
    firing: { IpledgerReloadFailed: [{ labels: { instance: 'a', file: 'access' }, summary: 'a: the access file cannot be used, an older one is in force' }] },
  },
  {
    title: 'the database does not answer', at: 3, given: [series('ipledger_database_up', { instance: 'a' }, () => 0), series('ipledger_database_up', { instance: 'b' }, () => 1)],
    firing: { IpledgerDatabaseDown: [{ labels: { instance: 'a' }, summary: 'a: the database does not answer' }] },
  },
  {
    title: 'a target is down; another job does not matter', at: 3, given: [series('up', { job: 'ipledger', instance: 'a' }, () => 0), series('up', { job: 'other', instance: 'a' }, () => 0)],
    firing: { IpledgerDown: [{ labels: { job: 'ipledger', instance: 'a' }, summary: 'a: ipledger cannot be scraped' }] },
  },
];

/** The programs are all there: without this series every case would fire IpledgerMetricsAbsent. */
const alive = series('ipledger_build_info', { version: '1' }, () => 1);

const testFile = (rules: string, { given, at, firing }: Case, background: Series[] = [alive]): string => stringify({
  rule_files: [rules],
  evaluation_interval: '1m',
  group_eval_order: ['ipledger-recording', 'ipledger-capacity', 'ipledger-service'],
  tests: [{
    interval: '1m',
    input_series: [...given, ...background].map(({ series: name, values }) => ({ series: name, values: values.split(' ').slice(0, at + 1).join(' ') })),
    alert_rule_test: alerts.map((alert) => ({
      eval_time: `${at}m`,
      alertname: alert.name,
      exp_alerts: (firing[alert.name] ?? []).map(({ labels, summary }) => ({
        exp_labels: { severity: alert.severity, ...labels },
        exp_annotations: { summary, description: alert.description, runbook_url: runbookLink(alert) },
      })),
    })),
  }],
}, { aliasDuplicateObjects: false });

describeWith(['promtool'], 'the rules, by promtool', () => {
  let folder = '';
  const file = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ipledger-rules-'));
    file('recorded.yaml', prometheusRules());
    // What Grafana asks, as rules: without any recording rule.
    file('written-out.yaml', stringify({ groups: [{ name: 'ipledger-recording', rules: [] }, ...alertGroups(writtenOut)] }));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['recorded.yaml', 'written-out.yaml'])('%s is well-formed', (name) => expect(run('promtool', ['check', 'rules', path.join(folder, name)])).toMatchObject({ status: 0 }));

  describe.each(['recorded.yaml', 'written-out.yaml'])('%s', (rules) => {
    it.each(cases)('$title', (one) => expect(run('promtool', ['test', 'rules', file('test.yaml', testFile(rules, one))])).toMatchObject({ status: 0 }));

    it('no metrics at all', () => {
      const absent: Case = { title: '', given: [], at: 3, firing: { IpledgerMetricsAbsent: [{ labels: {}, summary: 'no metrics of any ipledger arrive' }] } };
      expect(run('promtool', ['test', 'rules', file('test.yaml', testFile(rules, absent, [series('up', { job: 'other' }, () => 1)]))])).toMatchObject({ status: 0 });
    });
  });

  it('every alert fires in some case', () => {
    const fired = new Set([...cases.flatMap(({ firing }) => Object.keys(firing)), 'IpledgerMetricsAbsent']);
    expect(alerts.map(({ name }) => name).filter((name) => !fired.has(name))).toEqual([]);
  });
});
