import { randomUUID } from 'node:crypto';
import type { Event } from '@ipledger/services';
import type { RecordedCommand } from '../recorded.js';

/** A cluster's log as it grows: `take`, `free` and `touch` give the next command. Facts that fit the schemas, of no particular Services. */
export class TestLog {
  revision = 0;
  constructor(readonly cluster: string, public epoch = 1) {}

  /** A Service appears that holds the address. Two events. */
  take(address: string, name = `s-${address.replaceAll(/[.:]+/g, '-')}`): RecordedCommand {
    const service = { namespace: 'shop', name, uid: `uid-${name}` };
    return this.command('CreateService',
      { type: 'ip.allocated', data: { address, family: address.includes(':') ? 'IPv6' : 'IPv4', cidr: null, band: null, scope: 'dynamic', service } },
      { type: 'service.created', data: { service, object: this.object(name) } });
  }

  /** The Service goes and gives the address back. Two events. */
  free(address: string, name = `s-${address.replaceAll(/[.:]+/g, '-')}`): RecordedCommand {
    const service = { namespace: 'shop', name, uid: `uid-${name}` };
    const previous = { revision: 1, labels: {}, type: 'ClusterIP', clusterIP: address };
    return this.command('DeleteService',
      { type: 'ip.released', data: { address, family: address.includes(':') ? 'IPv6' : 'IPv4', cidr: null, band: null, reason: 'deleted', service } },
      { type: 'service.deleted', data: { service, previous, object: this.object(name) } });
  }

  command(kind: string, ...events: Event[]): RecordedCommand {
    const firstRevision = this.revision + 1;
    this.revision += events.length;
    return {
      cluster: this.cluster, epoch: this.epoch, firstRevision, revision: this.revision, time: '2026-01-02T03:04:05.678Z',
      command: { id: randomUUID(), kind, requestId: 'r-1', actor: null, userAgent: 'kubectl/ü', traceparent: null }, events,
    };
  }

  private object(name: string): Extract<Event, { type: 'service.created' }>['data']['object'] {
    return {
      apiVersion: 'v1', kind: 'Service', spec: {}, status: { loadBalancer: {} },
      metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: String(this.revision + 2), creationTimestamp: '2026-01-02T03:04:05Z' },
    };
  }
}
