import { randomUUID } from 'node:crypto';
import { KafkaPublisher, type RecordedCommand } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import type { Bench } from './bench.js';
import type { FlowBroker } from './flow-broker.js';
import { figure, median, table } from './figures.js';

const sizes = [1, 10, 100, 1_000] as const;
const seconds = 2;

/** What one transaction of the publisher costs, by its size: small ones are all overhead, so the relay takes whatever is there. */
export const transactions = async (bench: Bench, broker: FlowBroker): Promise<void> => {
  const publisher = new KafkaPublisher(broker.freshSettings(), createLogger({ level: 'warn', format: 'pretty', write: (line) => process.stderr.write(line) }));
  const took = new Map<number, number[]>(sizes.map((size) => [size, []]));
  try {
    await publisher.ensureTopics();
    await publisher.connect();
    const log = new Creates();
    for (let i = 0; i < 20; i++) await publisher.publish(log.next(100)); // what is hot is compiled
    for (let round = 0; round < bench.settings.rounds; round++) {
      for (const size of sizes) {
        for (const endMs = performance.now() + seconds * 1000; performance.now() < endMs; ) {
          const batch = log.next(size);
          const startMs = performance.now();
          await publisher.publish(batch);
          took.get(size)?.push(performance.now() - startMs);
        }
        bench.progress(`transactions ${round + 1}/${bench.settings.rounds}: ${size} commands`);
      }
    }
  } finally {
    await publisher.close();
  }
  bench.print('One transaction over both topics', table([
    ['commands', 'events', 'ms', 'events/s'],
    ...[...took].map(([size, ms]) => [figure(size), figure(size * 3), figure(median(ms), 1), figure((size * 3_000) / median(ms))]),
  ]));
};

/** Dual-stack creates of one cluster, about as large as real ones. */
class Creates {
  private revision = 0;
  private made = 0;

  next(count: number): RecordedCommand[] {
    return Array.from({ length: count }, () => this.one());
  }

  private one(): RecordedCommand {
    const number = this.made++;
    const name = `service-${String(number).padStart(10, '0')}`;
    const service = { namespace: 'default', name, uid: randomUUID() };
    const ipv4 = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
    const ipv6 = `fd00::${(number >> 16).toString(16)}:${(number & 65_535).toString(16)}`;
    const firstRevision = this.revision + 1;
    this.revision += 3;
    const allocated = { cidr: '10.0.0.0/8', band: 'dynamic', scope: 'dynamic', service } as const;
    return {
      cluster: 'bench', epoch: 1, firstRevision, revision: this.revision, time: new Date().toISOString(),
      command: { id: randomUUID(), kind: 'CreateService', requestId: randomUUID(), actor: null, userAgent: 'bench/1', traceparent: null },
      events: [
        { type: 'ip.allocated', data: { address: ipv4, family: 'IPv4', ...allocated } },
        { type: 'ip.allocated', data: { address: ipv6, family: 'IPv6', ...allocated, cidr: 'fd00::/64' } },
        { type: 'service.created', data: { service, object: {
          apiVersion: 'v1', kind: 'Service',
          metadata: { name, namespace: 'default', uid: service.uid, resourceVersion: String(this.revision), creationTimestamp: '2026-01-02T03:04:05Z', labels: { app: 'bench', tier: 'backend' } },
          spec: { type: 'ClusterIP', clusterIP: ipv4, clusterIPs: [ipv4, ipv6], ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack', selector: { app: 'bench' }, sessionAffinity: 'None', internalTrafficPolicy: 'Cluster', ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }] },
          status: { loadBalancer: {} },
        } } },
      ],
    };
  }
}
