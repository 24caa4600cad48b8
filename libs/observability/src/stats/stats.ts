import { wholeNumberIn } from '@ipledger/runtime';
import type pg from 'pg';
import { annotationsMax, readAnnotations } from './annotations.js';
import { namespacesMax, optionKinds, readNamespaces, readOptions, readServices } from './counted-rows.js';
import { Forecasts, type ClusterForecasts } from './forecasts.js';
import { readHistory } from './history.js';
import { clusterRows, poolRows } from './pool-rows.js';
import { filtersIn, rangeIn, spanIn, wordIn } from './stats-query.js';
import type { LbRangeUsage, UnattachedClaims } from '../usage.js';
import { readLbRanges, readUnattached, readUsage, type ViewedCluster } from './usage-rows.js';
import { ViewsDatabase, type StatsRow } from './views-database.js';

const figures = ['capacity', 'capacityExact', 'allocated', 'reserved', 'coolingDown', 'available', 'availableExact', 'utilization', 'staticAllocated', 'dynamicAllocated', 'trendPerDay', 'exhaustsAtEarliest', 'exhaustsAtLatest', 'revision'] as const;

/** The columns of each list, in order. They only grow. */
export const statsColumns = {
  clusters: ['cluster', 'family', 'cidrs', ...figures],
  pools: ['cluster', 'pool', 'family', 'state', 'prefixLength', ...figures, 'kind', 'lbPool'],
  'pools/history': ['time', 'cluster', 'pool', 'family', 'allocated', 'available', 'utilization', 'revision', 'kind', 'lbPool'],
  namespaces: ['cluster', 'namespace', 'family', 'allocated', 'revision', 'lbAllocated'],
  services: ['cluster', 'type', 'ipFamilyPolicy', 'families', 'headless', 'count', 'revision'],
  annotations: ['time', 'timeEnd', 'title', 'text', 'tags', 'cluster', 'kind', 'lbPool'],
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

export interface ViewedUsage {
  clusters: ViewedCluster[];
  lbRanges: LbRangeUsage[];
  /** By log. */
  forecasts: Map<string, ClusterForecasts>;
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

  /** All clusters, or these, with their forecasts, in one snapshot; and the ranges of LB pools, which are in another. */
  async usage(clusters: readonly string[] | null = null): Promise<ViewedUsage> {
    const [found, lbRanges] = await Promise.all([readUsage(this.database, clusters), readLbRanges(this.database, clusters)]);
    return { clusters: found, lbRanges, forecasts: await this.forecasts.of(found, lbRanges, this.now()) };
  }

  /** Of each shared LB pool. */
  unattached(): Promise<UnattachedClaims[]> {
    return readUnattached(this.database);
  }

  /** @throws ProblemError */
  async list(list: StatsList, query: Query): Promise<StatsAnswer> {
    const generatedAt = new Date(this.now()).toISOString();
    const filters = filtersIn(query);
    switch (list) {
      case 'clusters':
      case 'pools': {
        const { clusters, lbRanges, forecasts } = await this.usage(filters.clusters);
        return { generatedAt, items: list === 'pools' ? poolRows(clusters, lbRanges, forecasts, filters) : clusterRows(clusters, forecasts, filters) };
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

