/** A topic as it has to be. Settings are Kafka's, with its spelling. */
export interface Topic {
  readonly name: string;
  readonly partitions: number;
  readonly settings: Readonly<Record<string, string>>;
}

const dayMs = 86_400_000;
/**
 * For life: adding partitions later would move clusters to other partitions and break their order. One cluster is one
 * partition, so this bounds how many projectors can share the work, not how many clusters there are.
 */
const partitions = 12;
/** A Service may have 3 MiB as a request; an event that carries two states of it must fit, or the relay could not go on. */
const messageBytesMax = 10 * 1024 * 1024;
const common = {
  'max.message.bytes': String(messageBytesMax),
  // By arrival, not by event: an old log that is relayed for the first time must not be deleted as too old at once.
  'message.timestamp.type': 'LogAppendTime',
};

export interface Topics {
  /** Every event, keyed by cluster. */
  readonly events: Topic;
  /** Who holds each address now, keyed by cluster/address, on the partition of its cluster. */
  readonly addresses: Topic;
}

export const topicsOf = (prefix: string): Topics => ({
  events: {
    name: `${prefix}.events.v1`,
    partitions,
    settings: { ...common, 'cleanup.policy': 'delete', 'retention.ms': String(7 * dayMs) },
  },
  addresses: {
    name: `${prefix}.addresses.v1`,
    partitions,
    settings: {
      ...common,
      'cleanup.policy': 'compact',
      // A consumer that was away for less sees every tombstone; one that was away for longer must start from the beginning.
      'delete.retention.ms': String(7 * dayMs),
      // The newest segment is never compacted: small ones, closed hourly, keep the topic near one record an address.
      'segment.ms': String(dayMs / 24),
      'segment.bytes': String(64 * 1024 * 1024),
      'max.compaction.lag.ms': String(dayMs),
      'min.cleanable.dirty.ratio': '0.1',
    },
  },
});

/** The key of the cluster that a record belongs to: names of clusters hold no `/`. */
export const clusterOfKey = (key: string): string => {
  const slash = key.indexOf('/');
  return slash < 0 ? key : key.slice(0, slash);
};
