import '@ipledger/messaging'; // before kafkajs is loaded, as in the program: it makes it faster
import type { KafkaSettings } from '@ipledger/messaging';
import { Broker, kafkaVersion } from '@ipledger/testing';

/** The Kafka of the bench: the one of KAFKA_BROKERS, or one from the jars that ends with the bench. */
export class FlowBroker {
  private own: Broker | undefined;
  private prefixes = 0;

  async start(): Promise<void> {
    if (this.given === undefined) this.own = await Broker.start({ forLoad: true });
  }

  get name(): string {
    return this.given === undefined ? `Apache Kafka ${kafkaVersion} by Java` : this.given;
  }

  get brokers(): string[] {
    return this.own === undefined ? (this.given ?? '').split(',') : [this.own.address];
  }

  /** With topics of their own, so that a relay begins with the first event. */
  freshSettings(): KafkaSettings {
    return { brokers: this.brokers, clientId: 'bench', topicPrefix: `bench-${process.pid}-${this.prefixes++}`, replicationFactor: 1, sasl: null, tls: null };
  }

  async stop(): Promise<void> {
    await this.own?.stop();
  }

  private get given(): string | undefined {
    return process.env['KAFKA_BROKERS'] || undefined;
  }
}
