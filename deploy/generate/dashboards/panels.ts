import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import { BarGaugeDisplayMode, BigValueColorMode, BigValueGraphMode, LegendDisplayMode, LegendPlacement, ReduceDataOptionsBuilder, StackingConfigBuilder, StackingMode, VisibilityMode, VizLegendOptionsBuilder, VizOrientation } from '@grafana/grafana-foundation-sdk/common';
import { ThresholdsConfigBuilder, ThresholdsMode, type DataTransformerConfig, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';

/** Where the panels of a dashboard ask: a variable, so that a dashboard imports anywhere. */
export interface Source {
  type: string;
  uid: string;
}
export const prometheusSource: Source = { type: 'prometheus', uid: '${ds}' };
export const infinitySource: Source = { type: 'yesoreyeram-infinity-datasource', uid: '${ds}' };

export interface PanelOptions {
  title: string;
  description: string;
  unit?: string;
  /** Columns of 24. */
  width: number;
  height?: number;
  targets: readonly Builder<Dataquery>[];
}

type AnyPanel = Stat | BarGauge | TimeSeries | Table;

const dressed = <P extends AnyPanel>(panel: P, source: Source, { title, description, unit = 'short', width, height = 8, targets }: PanelOptions): P => {
  panel.title(title).description(description).datasource(source).unit(unit).span(width).height(height).targets([...targets]);
  return panel;
};

/** Green, yellow from `warn`, red from `alarm`; the other way round when few is bad. */
const thresholds = (warn: number, alarm: number): Builder<{ mode: ThresholdsMode; steps: { value: number | null; color: string }[] }> =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(warn <= alarm
    ? [{ value: null, color: 'green' }, { value: warn, color: 'orange' }, { value: alarm, color: 'red' }]
    : [{ value: null, color: 'red' }, { value: alarm, color: 'orange' }, { value: warn, color: 'green' }]);

const lastOf = (field = ''): ReduceDataOptionsBuilder => new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields(field).values(false);

export const stat = (source: Source, options: PanelOptions, [warn, alarm]: readonly [number, number], field?: string): Builder<Panel> =>
  dressed(new Stat(), source, { height: 4, ...options }).reduceOptions(lastOf(field)).colorMode(BigValueColorMode.Value).graphMode(BigValueGraphMode.None).thresholds(thresholds(warn, alarm));

/** @param perRow each row of a table is a bar, instead of each series */
export const bars = (source: Source, options: PanelOptions, perRow = false): Builder<Panel> =>
  dressed(new BarGauge(), source, { unit: 'percentunit', ...options }).min(0).max(1).orientation(VizOrientation.Horizontal).displayMode(BarGaugeDisplayMode.Basic)
    .reduceOptions(perRow ? new ReduceDataOptionsBuilder().values(true).fields('/^utilization$/').calcs([]).limit(100) : lastOf()).thresholds(thresholds(0.8, 0.95));

export const lines = (source: Source, options: PanelOptions, { stacked = false } = {}): Builder<Panel> =>
  dressed(new TimeSeries(), source, options).min(0).lineWidth(1).fillOpacity(stacked ? 30 : 5).showPoints(VisibilityMode.Never).spanNulls(3_600_000)
    .legend(new VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom).calcs([]))
    .stacking(new StackingConfigBuilder().mode(stacked ? StackingMode.Normal : StackingMode.None));

export const table = (source: Source, options: PanelOptions, transformations: readonly DataTransformerConfig[] = []): Builder<Panel> =>
  dressed(new Table(), source, options).transformations([...transformations]).overrideByName('utilization', [{ id: 'unit', value: 'percentunit' }]);

/** The built-in list of alerts, for which the SDK has no builder. */
export const alertList = ({ title, description, width, height = 8 }: Omit<PanelOptions, 'targets'>): Builder<Panel> => ({
  build: () => ({
    type: 'alertlist', title, description, transparent: false, gridPos: { h: height, w: width, x: 0, y: 0 },
    options: { alertName: 'Ipledger', dashboardAlerts: false, groupMode: 'default', maxItems: 20, sortOrder: 3, stateFilter: { error: true, firing: true, noData: false, normal: false, pending: true }, viewMode: 'list' },
  }),
});
