import { stringify } from 'yaml';
import { generatedNote } from './prometheus-rules.js';
import { alertGroupNames, alerts, runbookLink, writtenOut, type Alert } from './rules.js';

/** The Prometheus data source of the provisioning files; alerts, unlike dashboards, have no variable to choose another. */
export const prometheusUid = 'ipledger-prometheus';

/**
 * Alerts that Grafana evaluates itself, as a provisioning file. They need a Prometheus that scrapes, but no rules in it.
 * A query answers only the series that break the rule, so what the condition asks is whether there is a number.
 */
export const grafanaAlerts = (): string => `# ${generatedNote}\n${stringify({
  apiVersion: 1,
  groups: alertGroupNames.map((group) => ({
    orgId: 1, name: `ipledger-${group}`, folder: 'ipledger', interval: '1m',
    rules: alerts.filter((alert) => alert.group === group).map(grafanaAlert),
  })),
}, { lineWidth: 0, aliasDuplicateObjects: false })}`;

const grafanaAlert = (alert: Alert): object => ({
  uid: alert.name.replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '-'}${letter.toLowerCase()}`),
  title: alert.name,
  condition: 'B',
  data: [
    {
      refId: 'A', relativeTimeRange: { from: 600, to: 0 }, datasourceUid: prometheusUid,
      model: { refId: 'A', expr: alert.expr(writtenOut), instant: true, range: false },
    },
    {
      refId: 'B', relativeTimeRange: { from: 0, to: 0 }, datasourceUid: '__expr__',
      model: { refId: 'B', type: 'math', expression: 'is_number($A)', datasource: { type: '__expr__', uid: '__expr__' } },
    },
  ],
  for: alert.for,
  noDataState: 'OK',
  execErrState: 'Error',
  labels: { severity: alert.severity },
  annotations: { summary: forGrafana(alert.summary), description: alert.description, runbook_url: runbookLink(alert) },
});

/** `$value` is a text about all queries there. */
const forGrafana = (template: string): string => template.replaceAll('$value', '$values.A.Value');
