import { poolsInfinityDashboard } from './dashboards/pools-infinity.js';
import { poolsDashboard } from './dashboards/pools.js';
import { grafanaAlerts } from './grafana-alerts.js';
import { grafanaSql } from './grafana-sql.js';
import { generatedNote, prometheusRules } from './prometheus-rules.js';

/** Every generated file, by its path under `deploy/`. */
export const artifacts = (): Readonly<Record<string, string>> => ({
  'grafana/dashboards/pools.json': jsonOf(poolsDashboard()),
  'grafana/dashboards/pools-infinity.json': jsonOf(poolsInfinityDashboard()),
  'grafana/postgres.sql': grafanaSql(generatedNote),
  'prometheus/ipledger-rules.yaml': prometheusRules(),
  'grafana/provisioning/alerting/ipledger.yaml': grafanaAlerts(),
});

const jsonOf = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
