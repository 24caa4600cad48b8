import { wholeNumberIn } from '@ipledger/runtime';
import type pg from 'pg';
import { annotationsMax, readAnnotations } from './annotations.js';
import { namespacesMax, optionKinds, readNamespaces, readOptions, readServices } from './counted-rows.js';
import { Forecasts, type ClusterForecasts } from './forecasts.js';
import { readHistory } from './history.js';
import { clusterRows, poolRows } from './pool-rows.js';
import { filtersIn, rangeIn, spanIn, wordIn } from './stats-query.js';
import { readUsage, type ViewedCluster } from './usage-rows.js';
import { ViewsDatabase, type StatsRow } from './views-database.js';

const figures = ['capacity', 'capacityExact', 'allocated', 'reserved', 'coolingDown', 'available', 'availableExact', 'utilization', 'staticAllocated', 'dynamicAllocated', 'trendPerDay', 'exhaustsAtEarliest', 'exhaustsAtLatest', 'revision'] as const;

/** The columns of each list, in order. They only grow. */
export const statsColumns = {
  clusters: ['cluster', 'family', 'cidrs', ...figures],
  pools: ['cluster', 'pool', 'family', 'state', 'prefixLength', ...figures],
  'pools/history': ['time', 'cluster', 'pool', 'family', 'allocated', 'available', 'utilization', 'revision'],
  namespaces: ['cluster', 'namespace', 'family', 'allocated', 'revision'],
  services: ['cluster', 'type', 'ipFamilyPolicy', 'families', 'headless', 'count', 'revision'],
  annotations: ['time', 'timeEnd', 'title', 'text', 'tags', 'cluster'],
  options: ['__text', '__value'],
} as const satisfies Record<string, readonly string[]>;
export type StatsList = keyof typeof statsColumns;

export interface StatsAnswer {
  generatedAt: string;
  items: StatsRow[];
  /** Of a history: the length of its steps. */
  stepSeconds?: number;
  /** What was left out, in a sentence; missing when nothing was. */
  cut?: string;
}

type Query = Readonly<Record<string, unknown>>;

/** The statistics: how full what is, since when and until when. Everything comes from the views. */
export class Stats {
  private readonly database: ViewsDatabase;
  private readonly forecasts: Forecasts;

  constructor(pool: pg.Pool, private readonly now: () => number = Date.now) {
    this.database = new ViewsDatabase(pool);
    this.forecasts = new Forecasts(this.database);
  }

  /** All clusters, or these, with their forecasts; one snapshot. */
  async usage(clusters: readonly string[] | null = null): Promise<{ clusters: ViewedCluster[]; forecasts: Map<string, ClusterForecasts> }> {
    const found = await readUsage(this.database, clusters);
    return { clusters: found, forecasts: await this.forecasts.of(found, this.now()) };
  }

  /** @throws ProblemError */
  async list(list: StatsList, query: Query): Promise<StatsAnswer> {
    const generatedAt = new Date(this.now()).toISOString();
    const filters = filtersIn(query);
    switch (list) {
      case 'clusters':
      case 'pools': {
        const { clusters, forecasts } = await this.usage(filters.clusters);
        return { generatedAt, items: (list === 'pools' ? poolRows : clusterRows)(clusters, forecasts, filters) };
      }
      case 'pools/history': {
        const { stepMs, cut, rows } = await readHistory(this.database, filters, { ...rangeIn(query, this.now()), stepMs: spanIn(query, 'step') }, this.now());
        return { generatedAt, items: rows, stepSeconds: stepMs / 1000, ...(cut !== null && { cut }) };
      }
      case 'namespaces':
        return { generatedAt, items: await readNamespaces(this.database, filters, wholeNumberIn(query, 'top', { min: 1, max: namespacesMax, otherwise: 20 })) };
      case 'services':
        return { generatedAt, items: await readServices(this.database, filters) };
      case 'annotations': {
        const items = await readAnnotations(this.database, filters, rangeIn(query, this.now()), this.now());
        return { generatedAt, items, ...(items.length >= annotationsMax && { cut: `only the last ${annotationsMax}; ask for a shorter time` }) };
      }
      case 'options':
        return { generatedAt, items: await readOptions(this.database, wordIn(query, 'of', optionKinds), filters) };
    }
  }
}

