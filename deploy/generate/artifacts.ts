import { grafanaAlerts } from './grafana-alerts.js';
import { prometheusRules } from './prometheus-rules.js';

/** Every generated file, by its path under `deploy/`. */
export const artifacts = (): Readonly<Record<string, string>> => ({
  'prometheus/ipledger-rules.yaml': prometheusRules(),
  'grafana/provisioning/alerting/ipledger.yaml': grafanaAlerts(),
});
