import { Fenced, PublishFailed, type LogPublisher } from '@ipledger/messaging';
import { addressMessages, claimMessage, reachedMessage } from '../../libs/messaging/src/address-record.js';
import { encodeEvent, type Message } from '../../libs/messaging/src/cloud-event.js';
import { eventsOf } from '../../libs/messaging/src/recorded.js';
import type { Link } from './link.js';

/** Records of one producer that readers of committed records see together or never. */
export interface Transaction {
  /** Of the producer: each `connect` has the next one. */
  readonly epoch: number;
  state: 'open' | 'committed' | 'aborted';
}

export interface TopicRecord {
  readonly message: Message;
  readonly transaction: Transaction;
}

/**
 * Kafka as far as the relay leans on it: two topics of one partition each, and one transactional id. A producer that connects
 * gets the next epoch, and what an older one left open is aborted; from then on the older one is refused, whether it writes or
 * commits (KIP-98). Records stand where they were written; a commit shows those of both topics at once.
 */
export class Broker {
  events: TopicRecord[] = [];
  addresses: TopicRecord[] = [];
  private epoch = 0;
  private fenced = 0;
  private aborted = 0;
  private life = 1;
  hasTopics = false;
  private readonly open = new Map<number, Transaction>();

  /** @param withoutFence a bug to be caught: older producers are let in */
  constructor(private readonly withoutFence: boolean) {}

  /** A producer at the other end of a link. After a failure it is spent, as the real one is. */
  publisher(link: Link): LogPublisher {
    let epoch = -1;
    const { life } = this;
    const call = <T>(work: () => T): Promise<T> => link.call(() => {
      if (life !== this.life) throw new PublishFailed('simulated: this broker is gone');
      return work();
    });
    let spent: Error | undefined;
    const commit = async (events: readonly Message[], addresses: readonly Message[]): Promise<void> => {
      if (spent !== undefined) throw spent;
      try {
        if (events.length > 0) await call(() => this.write(epoch, 'events', events));
        if (addresses.length > 0) await call(() => this.write(epoch, 'addresses', addresses));
        await call(() => this.commit(epoch));
      } catch (error) {
        throw (spent = error as Error);
      }
    };
    return {
      connect: async () => { epoch = await call(() => this.connect()); },
      missesTopics: () => call(() => !this.hasTopics),
      ensureTopics: () => call(() => { this.hasTopics = true; }),
      publish: (commands) => commit(commands.flatMap((command) => eventsOf(command).map(encodeEvent)), addressMessages(commands)),
      restate: async (cluster, ofEpoch, claims) => {
        if (claims.length > 0) await commit([], claims.map((claim) => claimMessage(cluster, ofEpoch, claim)));
      },
      restated: (reached) => commit([], [reachedMessage(reached)]),
      close: async () => void link.lose('closed'),
    };
  }

  get happened(): Record<string, number> {
    const ids = this.events.filter(({ transaction }) => transaction.state === 'committed').map(({ message }) => message.headers['ce_id']);
    return { 'fenced producers': this.fenced, 'aborted transactions': this.aborted, 'events published': ids.length, 'of them again': ids.length - new Set(ids).size };
  }
  /** Whether somebody is in the middle of a transaction. */
  get isWriting(): boolean {
    return this.open.size > 0;
  }

  /** Another broker stands in its place, with nothing on it. */
  replace(): void {
    this.life++;
    this.events = [];
    this.addresses = [];
    this.hasTopics = false;
    this.open.clear();
  }

  /** Whether a reader of committed records finds a cluster up to a revision; after a loss nobody can. */
  isPublished(cluster: string, revision: number): boolean {
    return !this.hasTopics || this.events.some(({ message, transaction }) =>
      transaction.state === 'committed' && message.key === cluster && Number(message.headers['ce_sequence']) === revision);
  }

  private connect(): number {
    if (!this.withoutFence) {
      for (const transaction of this.open.values()) transaction.state = 'aborted';
      this.aborted += this.open.size;
      this.open.clear();
    }
    return ++this.epoch;
  }

  private write(epoch: number, topic: 'events' | 'addresses', messages: readonly Message[]): void {
    this.assertEpoch(epoch);
    if (!this.hasTopics) throw new PublishFailed('simulated: there is no such topic');
    const transaction = this.open.get(epoch) ?? { epoch, state: 'open' };
    this.open.set(epoch, transaction);
    for (const message of messages) this[topic].push({ message, transaction });
  }

  private commit(epoch: number): void {
    this.assertEpoch(epoch);
    const transaction = this.open.get(epoch);
    if (transaction === undefined) throw new PublishFailed('simulated: there is no such transaction');
    transaction.state = 'committed';
    this.open.delete(epoch);
  }

  private assertEpoch(epoch: number): void {
    if (epoch === this.epoch || this.withoutFence) return;
    this.fenced++;
    throw new Fenced('another relay has taken over');
  }
}
