import type { Logger } from '@ipledger/runtime';
import { BadMessage, decodeEvent, type ReadMessage } from '../cloud-event.js';
import { checkedEvent } from '../event-contract.js';
import type { CommandBatchHandler } from '../log.js';
import type { RecordedCommand } from '../recorded.js';
import { Reassembler } from '../reassemble.js';
import { clusterOfKey } from '../topics.js';
import { Lane } from './lane.js';

/** Commands of one cluster in one delivery: bounds what a handler has in hand, and how long a heartbeat waits. */
const deliveryCommandsMax = 500;

interface Delivery {
  readonly cluster: string;
  readonly commands: RecordedCommand[];
  /** Of the last event of the first command. */
  readonly offset: bigint;
}

/** One partition as this process reads it: messages in, batches of whole commands out, and from where to read after a restart. */
export class Partition {
  private readonly reassembler = new Reassembler();
  private readonly lanes = new Map<string, Lane>();

  constructor(private readonly handler: CommandBatchHandler, private readonly logger: Logger) {}

  /** Delivers what these messages complete. `pause` is called between deliveries; when it answers false the rest is left. */
  async take(messages: readonly (ReadMessage & { offset: string })[], pause: () => Promise<boolean>): Promise<void> {
    for (const { cluster, commands, offset } of this.deliveries(messages)) {
      await this.laneOf(cluster).deliver({ cluster, commands }, offset);
      if (!(await pause())) return;
    }
  }

  /** The offset to commit once everything before `next` was taken: nothing that is not delivered lies before it. */
  safeOffset(next: bigint): bigint {
    const held = [...this.lanes.values()].map(({ heldSince }) => heldSince);
    return [...held, this.reassembler.firstOpenOffset].reduce<bigint>((least, offset) => (offset !== undefined && offset < least ? offset : least), next);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.lanes.values()].map((lane) => lane.stop()));
  }

  /** In order; neighbours of one cluster together, up to the bound. */
  private deliveries(messages: readonly (ReadMessage & { offset: string })[]): Delivery[] {
    const deliveries: Delivery[] = [];
    const open = new Map<string, Delivery>();
    for (const message of messages) {
      const command = this.read(message);
      if (command === undefined) continue;
      const { cluster } = command;
      let delivery = open.get(cluster);
      if (delivery === undefined || delivery.commands.length >= deliveryCommandsMax) {
        delivery = { cluster, commands: [], offset: BigInt(message.offset) - BigInt(command.events.length - 1) };
        open.set(cluster, delivery);
        deliveries.push(delivery);
      }
      delivery.commands.push(command);
    }
    return deliveries;
  }

  private read(message: ReadMessage & { offset: string }): RecordedCommand | undefined {
    const offset = BigInt(message.offset);
    try {
      return this.reassembler.take(checkedEvent(decodeEvent(message)), offset);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      const cluster = clusterOfKey(message.key?.toString() ?? '');
      this.logger.error(`a message on Kafka cannot be read: ${error.message}`, { cluster, offset: message.offset });
      this.reassembler.drop(cluster);
      this.laneOf(cluster).hold(offset);
      return undefined;
    }
  }

  private laneOf(cluster: string): Lane {
    let lane = this.lanes.get(cluster);
    if (lane === undefined) {
      lane = new Lane(this.handler, (error, retryMs) => this.logger.warn(`the commands of a cluster could not be applied: ${(error as Error).message}`, { cluster, retryMs }));
      this.lanes.set(cluster, lane);
    }
    return lane;
  }
}
