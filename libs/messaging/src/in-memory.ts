import type { PublishedClaim } from '@ipledger/event-store';
import type { ReachedRecord } from './address-record.js';
import { addressMessages, claimMessage, reachedMessage } from './address-record.js';
import type { Message } from './cloud-event.js';
import { Fenced, PublishFailed, type LogPublisher } from './log.js';
import type { RecordedCommand } from './recorded.js';

/** A transport in memory with the promises of the real one, for tests: any number of publishers share it. */
export class InMemoryTransport {
  /** Every command in the order of publishing, repeats included. */
  readonly commands: RecordedCommand[] = [];
  /** The compacted topic: key -> value. */
  readonly addresses = new Map<string, string>();
  /** How many calls of `publish` fail next, before anything is visible. */
  failures = 0;
  topicsThere = true;
  /** The publisher that connected last; all others are fenced. */
  private owner: object | undefined;

  publisher(): LogPublisher {
    const me = {};
    const commit = (commands: readonly RecordedCommand[], messages: readonly Message[]): void => {
      if (this.owner !== me) throw new Fenced('another publisher has taken over');
      if (this.failures > 0) {
        this.failures--;
        throw new PublishFailed('the transport is told to fail');
      }
      this.commands.push(...commands);
      for (const { key, value } of messages) {
        if (value === null) this.addresses.delete(key);
        else this.addresses.set(key, value);
      }
    };
    return {
      connect: async () => { this.owner = me; },
      missesTopics: async () => !this.topicsThere,
      ensureTopics: async () => { this.topicsThere = true; },
      publish: async (commands) => commit(commands, addressMessages(commands)),
      restate: async (cluster: string, epoch: number, claims: readonly PublishedClaim[]) => commit([], claims.map((claim) => claimMessage(cluster, epoch, claim))),
      restated: async (reached: ReachedRecord) => commit([], [reachedMessage(reached)]),
      close: async () => undefined,
    };
  }
}
