import type { ClusterTip, EventStore, LogRow } from '@ipledger/event-store';
import { recordedCommand, type CommandBatch } from '@ipledger/messaging';
import type { Logger } from '@ipledger/runtime';
import type pg from 'pg';
import { applyOrStop, stopCluster, type Applied } from './apply.js';
import { rebuildViews } from './rebuild.js';
import { ensureSet, FormatMismatch, liveSet, viewsFormat, type SetInfo } from './sets.js';

export interface ProjectorOptions {
  pool: pg.Pool;
  viewsUrl: string;
  /** The log, which heals what the transport loses (design D7). */
  store: Pick<EventStore, 'tips' | 'clusterByName' | 'readLog'>;
  logger: Logger;
  /** Told of every checkpoint that this process has moved. Must not throw. */
  onApplied?(cluster: string, revision: number): void;
}

export interface ClusterProgress {
  /** Where the log of the cluster ends. */
  tip: ClusterTip;
  epoch: number;
  revision: number;
  /** null unless it is stopped. */
  stoppedReason: string | null;
  /** Age of the oldest event that the views do not reflect; 0 when there is none. */
  lagSeconds: number;
}

const healPageCommands = 500;
const reconcileEveryMs = 1_000;
/** A stopped cluster is tried again after this: a newer projector may have joined, or somebody repaired what was wrong. */
const stoppedRetryMs = 30_000;
/** A cluster that has been behind for so long without moving is healed from the log: the transport has lost something. */
const stuckMs = 5_000;

/**
 * Takes commands from a transport into the views. The transport may repeat, skip and reorder clusters; the checkpoints judge,
 * the log heals. A cluster that cannot go on stops, with the reason in its checkpoint, while the others go on.
 */
export class Projector {
  /** Cluster -> when it may be tried again. */
  private readonly stopped = new Map<string, number>();
  private readonly stuck = new Map<string, { revision: number; sinceMs: number }>();
  private timer: NodeJS.Timeout | undefined;
  private reconciling: Promise<void> | undefined;
  private rebuilding: Promise<void> | undefined;
  private stopping = false;

  constructor(private readonly options: ProjectorOptions) {}

  /** Makes the views where there are none, builds them anew where they have an older format, and looks after them from then on. */
  async start(): Promise<void> {
    const set = await this.withClient((client) => ensureSet(client));
    if (set.format < viewsFormat) await this.rebuild('they have an older format', async (live) => live === undefined || live.format < viewsFormat);
    if (set.format > viewsFormat) throw new FormatMismatch(set.format);
    this.timer = setInterval(() => void (this.reconciling ??= this.reconcile().finally(() => (this.reconciling = undefined))), reconcileEveryMs);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.reconciling;
    await this.rebuilding;
  }

  async positionOf(cluster: string): Promise<number> {
    const { rows: [row] } = await this.options.pool.query<{ revision: string }>('SELECT revision FROM views.checkpoints WHERE cluster = $1', [cluster]);
    return Number(row?.revision ?? 0);
  }

  /**
   * Takes a batch in. Resolves when it is reflected, or when this cluster cannot go on for now and the log will heal it later.
   * @throws StoreUnavailable and the like: the transport delivers it again
   */
  async take({ cluster, commands, epoch }: CommandBatch): Promise<void> {
    if ((this.stopped.get(cluster) ?? 0) > performance.now()) return;
    const life = epoch ?? Math.max(...commands.map((command) => command.epoch));
    const ofLife = epoch === undefined ? commands.filter((command) => command.epoch === life) : commands;
    const applied = await this.withClient((client) => applyOrStop(client, liveSet, { cluster, epoch: life, commands: ofLife }));
    if (applied.kind !== 'gap') return this.note(cluster, applied);
    await this.heal(cluster, commands.at(-1)?.revision ?? 0);
  }

  /** Brings a cluster forward from the log alone. @param wanted a revision that somebody has seen */
  private async heal(cluster: string, wanted: number): Promise<void> {
    const head = await this.options.store.clusterByName(cluster);
    for (let reached = await this.positionOf(cluster); head !== undefined && !this.stopping; ) {
      const rows = await this.options.store.readLog(head.id, reached, healPageCommands);
      if (rows.length === 0 && reached >= wanted) return;
      const applied = await this.withClient((client) => this.applyRows(client, { ...head, cluster }, rows, wanted));
      this.note(cluster, applied);
      if (applied.kind !== 'applied') return;
      reached = applied.revision;
    }
  }

  private async applyRows(client: pg.PoolClient, { cluster, epoch }: { cluster: string; epoch: number }, rows: readonly LogRow[], wanted: number): Promise<Applied> {
    const commands = rows.map((row) => recordedCommand(cluster, row));
    if (commands.length === 0)
      return stopCluster(client, liveSet, { cluster, epoch }, `the transport has revision ${wanted}, but the log ends at {revision}: ${restored}`);
    const applied = await applyOrStop(client, liveSet, { cluster, epoch, commands });
    return applied.kind === 'gap' ? stopCluster(client, liveSet, { cluster, epoch }, 'the log has a hole after revision {revision}') : applied;
  }

  private note(cluster: string, applied: Applied): void {
    if (applied.kind === 'applied') {
      this.stopped.delete(cluster);
      this.options.onApplied?.(cluster, applied.revision);
    } else if (applied.kind === 'stopped') {
      if (!this.stopped.has(cluster)) this.options.logger.error('the projection of a cluster has stopped; the others go on', { cluster, revision: applied.revision, reason: applied.reason });
      this.stopped.set(cluster, performance.now() + stoppedRetryMs);
    } else if (applied.kind === 'epoch') this.rebuildForEpoch(cluster, applied.epoch);
  }

  /** The log was restored from a backup: the views may hold what never happened. All clusters have a new epoch then. */
  private rebuildForEpoch(cluster: string, epoch: number): void {
    this.rebuilding ??= this.rebuild(`the log has begun a new life (cluster ${cluster} was built in epoch ${epoch})`, async () => {
      const { rows: [row] } = await this.options.pool.query<{ epoch: number }>('SELECT epoch FROM views.checkpoints WHERE cluster = $1', [cluster]);
      return row?.epoch === epoch;
    }).catch((error: unknown) => this.options.logger.error('the views could not be rebuilt; trying again', { error: messageOf(error) })).finally(() => (this.rebuilding = undefined));
  }

  private async rebuild(why: string, isWanted: (live: SetInfo | undefined) => Promise<boolean>): Promise<void> {
    const { viewsUrl, store, logger } = this.options;
    logger.warn(`rebuilding the views from the log: ${why}`);
    const report = await rebuildViews({ viewsUrl, store, isWanted });
    if (report !== undefined) logger.info('the views are rebuilt', { schema: report.schema, revisions: report.revisions, seconds: Math.round(report.seconds) });
  }

  /** How far every cluster of the log is reflected, read now. */
  async progress(): Promise<ClusterProgress[]> {
    const { rows } = await this.options.pool.query<{ cluster: string; epoch: number; revision: number; stopped_reason: string | null }>(
      'SELECT cluster, epoch, revision::float8 AS revision, stopped_reason FROM views.checkpoints');
    const known = new Map(rows.map((row) => [row.cluster, row]));
    // The log after the checkpoints: what is behind may have moved meanwhile, but nothing seems to be ahead.
    const tips = await this.options.store.tips();
    return Promise.all(tips.map(async (tip) => {
      const { epoch, revision, stopped_reason: stoppedReason } = known.get(tip.name) ?? { epoch: tip.epoch, revision: 0, stopped_reason: null };
      return { tip, epoch, revision, stoppedReason, lagSeconds: revision < tip.revision ? await this.ageAfter(tip.id, revision) : 0 };
    }));
  }

  /** Compares the checkpoints with the log: what is behind and does not move is healed, what is ahead has stopped being true. */
  private async reconcile(): Promise<void> {
    try {
      for (const { tip, epoch, revision } of await this.progress()) if (!this.stopping) await this.lookAfter(tip, epoch, revision);
    } catch (error) {
      if (!this.stopping) this.options.logger.warn('the projection could not be compared with the log', { error: messageOf(error) });
    }
  }

  private async lookAfter(tip: ClusterTip, epoch: number, revision: number): Promise<void> {
    if (epoch < tip.epoch) return this.rebuildForEpoch(tip.name, epoch);
    if (revision > tip.revision) await this.stopAhead(tip, revision);
    const seen = this.stuck.get(tip.name);
    if (revision >= tip.revision) this.stuck.delete(tip.name);
    else if (seen?.revision !== revision) this.stuck.set(tip.name, { revision, sinceMs: performance.now() });
    else if (performance.now() - seen.sinceMs > stuckMs && (this.stopped.get(tip.name) ?? 0) <= performance.now()) await this.heal(tip.name, tip.revision);
  }

  private async stopAhead({ name, epoch, revision }: ClusterTip, reflected: number): Promise<void> {
    this.note(name, await this.withClient((client) => stopCluster(client, liveSet, { cluster: name, epoch },
      `the views reflect revision ${reflected}, but the log ends at ${revision}: ${restored}`)));
  }

  private async ageAfter(clusterId: number, revision: number): Promise<number> {
    const [oldest] = await this.options.store.readLog(clusterId, revision, 1);
    return oldest === undefined ? 0 : Math.max(0, (Date.now() - oldest.time.getTime()) / 1000);
  }

  private async withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.options.pool.connect();
    try {
      return await work(client);
    } finally {
      client.release();
    }
  }
}

const restored = 'was the database restored from a backup? Then run "npm run admin -- restore-epoch"';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
