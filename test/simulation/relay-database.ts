import { StoreUnavailable, TermOver, type Checkpoint, type ClusterBehind, type InMemoryEventStore, type LogRow, type RelayConnection } from '@ipledger/event-store';
import type { Violation } from '../chaos/history.js';
import type { Link } from './link.js';
import type { Process } from './scheduler.js';

/** One relay's session as the server has it. */
interface Session {
  readonly process: Process;
  term: number;
  ended: boolean;
}

/** The server takes so long to notice that a connection is lost. */
const noticeSteps = 15;
/** So few rows are read at a time that a batch leaves some, and the next one is read beside it. */
const rowsMax = 4;

/**
 * What relays see of one Postgres: the lock, the term, the checkpoints, the log. As in `RelaySession`, all of it goes over one
 * connection, and the lock ends with it. Beyond that the lock can be lost while the session lives on, as behind a pooler:
 * the term is what is left then.
 */
export class RelayDatabase {
  /** What checkpoints did that they must not. */
  readonly violations: Violation[] = [];
  private readonly sessions = new Set<Session>();
  private holder: Session | undefined;
  terms = 0;
  refusedCheckpoints = 0;
  private readonly checkpoints = new Map<number, Checkpoint>();

  /**
   * @param isPublished whether the event topic holds a cluster up to a revision, as readers of committed records see it
   * @param withoutTerm a bug to be caught: checkpoints of a relay whose term is over are taken
   */
  constructor(private readonly store: InMemoryEventStore, private readonly isPublished: (cluster: string, revision: number) => boolean, private readonly withoutTerm: boolean) {}

  open(link: Link): RelayConnection {
    const session: Session = { process: link.process, term: -1, ended: false };
    const { scheduler } = link.process;
    this.sessions.add(session);
    // The server needs its time to notice, in which what was sent may still arrive.
    link.onLost(() => void scheduler.after(noticeSteps).then(() => this.end(session)));
    const query = <T>(work: () => Promise<T> | T): Promise<T> => link.call(() => {
      if (session.ended) throw new StoreUnavailable('simulated: the server has ended this session');
      return work();
    });
    return {
      tryLock: () => query(() => (this.holder ??= session) === session),
      beginTerm: () => query(() => { session.term = ++this.terms; }),
      behind: (afterId, limit) => query(() => this.behind(afterId, limit)),
      read: (parts) => query(() => this.read(parts)),
      claims: (clusterId, after, limit) => query(() => this.store.listClaims(clusterId, after, limit)),
      checkpoint: (checkpoints) => query(() => this.checkpoint(session, checkpoints)),
      forget: () => query(() => {
        this.assertTerm(session);
        this.checkpoints.clear();
      }),
      close: async () => void link.lose('closed'),
    };
  }

  /** What a server does with a session that it has not heard of for too long, or that an administrator ends. */
  endSessionOf(process: Process): void {
    for (const session of this.sessions) if (session.process === process) this.end(session);
  }
  /** The session goes on, but another one can take the lock. @returns whose it was */
  loseLock(): Process | undefined {
    const process = this.holder?.process;
    this.holder = undefined;
    return process;
  }

  async isDrained(): Promise<boolean> {
    return (await this.behind(0, 1)).length === 0;
  }

  private end(session: Session): void {
    session.ended = true;
    this.sessions.delete(session);
    if (this.holder === session) this.holder = undefined;
  }

  private assertTerm({ term }: Session): void {
    if (term === this.terms || this.withoutTerm) return;
    this.refusedCheckpoints++;
    throw new TermOver('another relay has taken over');
  }

  private async behind(afterId: number, limit: number): Promise<ClusterBehind[]> {
    const behind = (await this.store.clusters()).flatMap(({ id, name, revision, epoch }) => {
      const published = this.checkpoints.get(id);
      const isBehind = revision > (published?.revision ?? 0) || (published !== undefined && epoch > published.epoch);
      return isBehind ? [{ clusterId: id, cluster: name, revision, epoch, published: { revision: published?.revision ?? 0, epoch: published?.epoch ?? null } }] : [];
    });
    const isBefore = ({ clusterId }: ClusterBehind): number => Number(clusterId <= afterId);
    return behind.sort((a, b) => isBefore(a) - isBefore(b) || a.clusterId - b.clusterId).slice(0, limit);
  }

  /** Each cluster's first row comes before any second one, as far as `rowsMax` goes. */
  private async read(parts: Parameters<RelayConnection['read']>[0]): Promise<LogRow[]> {
    const pages = await Promise.all(parts.map(({ clusterId, after, limit }) => this.store.readLog(clusterId, after, Math.min(limit, rowsMax))));
    const taken = pages.flatMap((page, place) => page.map((row, nth) => ({ row, place, nth })))
      .sort((a, b) => a.nth - b.nth || a.place - b.place).slice(0, rowsMax);
    return taken.sort((a, b) => a.place - b.place || a.nth - b.nth).map(({ row }) => row);
  }

  private async checkpoint(session: Session, checkpoints: readonly Checkpoint[]): Promise<void> {
    this.assertTerm(session);
    for (const checkpoint of checkpoints) {
      const { clusterId, epoch, revision } = checkpoint;
      const before = this.checkpoints.get(clusterId);
      const head = await this.store.head(clusterId);
      const said = `the checkpoint of ${head?.name} at ${epoch}/${revision}`;
      if (before !== undefined && (revision < before.revision || epoch < before.epoch)) this.violations.push(`${said} moves back from ${before.epoch}/${before.revision}`);
      if (!this.isPublished(head?.name ?? '', revision)) this.violations.push(`${said} is ahead of the event topic`);
      this.checkpoints.set(clusterId, checkpoint);
    }
  }
}
