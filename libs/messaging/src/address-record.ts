import type { PublishedClaim } from '@ipledger/event-store';
import { parseAddress, type Family } from '@ipledger/ip';
import type { Message } from './cloud-event.js';
import type { RecordedCommand } from './recorded.js';

/** Value of the record `cluster/address` on the compacted topic: who holds the address now. Released = a tombstone. */
export interface AddressRecord {
  readonly cluster: string;
  readonly address: string;
  readonly family: Family;
  readonly service: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Missing = cluster-ip. An address of an LB pool may have several Services: `service` is their sharing group then. */
  readonly kind?: 'load-balancer';
  /** In the log of a shared LB pool, which `cluster` names as `lb-pool:NAME`: the cluster of the Service. */
  readonly serviceCluster?: string;
  /** RFC 3339: time of the `ip.allocated` event, and its revision. */
  readonly since: string;
  readonly revision: number;
  /** Life of the log that vouches for it: a record of an older epoch than the cluster's marker is void. */
  readonly epoch: number;
}

/** Value of the record `cluster`: every change up to this revision is on the topic. */
export interface ReachedRecord {
  readonly cluster: string;
  readonly epoch: number;
  readonly revision: number;
  readonly time: string;
}

/**
 * What commands do to the compacted topic, net: of several changes of one address only the last, in order of revision, and
 * after them how far each cluster has come.
 */
export const addressMessages = (commands: readonly RecordedCommand[]): Message[] => {
  const addresses = new Map<string, Message>();
  const reached = new Map<string, Message>();
  for (const command of commands) {
    const { cluster, epoch, firstRevision, time } = command;
    command.events.forEach((event, index) => {
      if (event.type !== 'ip.allocated' && event.type !== 'ip.released') return;
      const { address, family, service, kind, cluster: serviceCluster } = event.data;
      const key = `${cluster}/${address}`;
      const revision = firstRevision + index;
      addresses.delete(key); // so that it takes its place in the order again
      addresses.set(key, event.type === 'ip.released' ? tombstone(key, epoch, revision)
        : addressMessage({ cluster, address, family, service, ...(kind && { kind }), ...(serviceCluster !== undefined && { serviceCluster }), since: time, revision, epoch }));
    });
    reached.set(cluster, reachedMessage({ cluster, epoch, revision: command.revision, time }));
  }
  return [...addresses.values(), ...reached.values()];
};

/** The record of a claim, for stating anew who holds what. */
export const claimMessage = (cluster: string, epoch: number, claim: PublishedClaim): Message => {
  const { address, namespace, name, uid, since, revision, lbCluster } = claim;
  const family = parseAddress(address)?.family ?? 'IPv4';
  return addressMessage({
    cluster, address, family, service: { namespace, name, uid },
    ...(lbCluster !== undefined && { kind: 'load-balancer' }), ...(lbCluster && { serviceCluster: lbCluster }), since: since.toISOString(), revision, epoch,
  });
};

export const reachedMessage = (record: ReachedRecord): Message => keyed(record.cluster, record);

const addressMessage = (record: AddressRecord): Message => keyed(`${record.cluster}/${record.address}`, record);

const keyed = (key: string, record: AddressRecord | ReachedRecord): Message =>
  ({ key, value: JSON.stringify(record), headers: { ...position(record.epoch, record.revision), 'content-type': 'application/json' } });

const tombstone = (key: string, epoch: number, revision: number): Message => ({ key, value: null, headers: position(epoch, revision) });

/** Also in the headers: a tombstone has no value to carry it, and a reader must be able to tell a late duplicate. */
const position = (epoch: number, revision: number): Record<string, string> => ({ epoch: String(epoch), revision: String(revision) });
