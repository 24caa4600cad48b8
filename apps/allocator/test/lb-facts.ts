import { randomUUID } from 'node:crypto';
import type { EventStore } from '@ipledger/event-store';
import { claimChanges, ClusterState, evolve, type Event, type LbPool, type ServiceRef } from '@ipledger/services';

/** Facts about LB pools as the writer and the assigner put them into the logs, with what is derived in the same commit. */
export const append = async (store: EventStore, log: string, events: readonly Event[], time = new Date()): Promise<void> => {
  const { id } = await store.nameCluster(log);
  const head = (await store.head(id))!;
  const state = new ClusterState();
  state.define(head.definition === null ? null : JSON.parse(head.definition));
  for (const event of events.filter(({ type }) => type.startsWith('lb-pool.'))) evolve(state, event, 1);
  const net = claimChanges(events.map((event, i) => ({ event, revision: head.revision + 1 + i, time })));
  await store.append({
    clusterId: id, at: head.revision, epoch: head.epoch, claims: net.addresses, portClaims: net.ports, lb: net.lb, cooling: net.cooling, documents: { written: [], removed: [] }, requests: [],
    definition: JSON.stringify(state.definition),
    rows: [{ time, eventCount: events.length, command: { id: randomUUID(), kind: 'Test', requestId: null, actor: null, userAgent: null, traceparent: null }, events: JSON.stringify(events) }],
  });
};
export const poolOf = (name: string, addresses: string[], more: Partial<LbPool> = {}): Event => ({
  type: 'lb-pool.configured',
  data: { pool: { name, addresses, draining: [], autoAssign: true, priority: 100, namespaces: [], selector: null, staticBandAddresses: 0, coolDownSeconds: 60, createdAt: '2026-03-01T12:00:00.000Z', ...more } },
});
export const ref = (name: string): ServiceRef => ({ namespace: 'shop', name, uid: `uid-${name}` });
const facts = (lbPool: string, address: string, cluster?: string) => ({ address, family: address.includes(':') ? 'IPv6' as const : 'IPv4' as const, lbPool, ...(cluster !== undefined && { cluster }) });
export const allocated = (lbPool: string, address: string, cidr: string, service: ServiceRef, cluster?: string, sharingGroup?: string): Event =>
  ({ type: 'ip.allocated', data: { ...facts(lbPool, address, cluster), kind: 'load-balancer', cidr, band: 'dynamic', scope: 'dynamic', service, ...(sharingGroup !== undefined && { sharingGroup }) } });
export const joined = (lbPool: string, address: string, service: ServiceRef, sharingGroup: string | null = null, cluster?: string): Event =>
  ({ type: 'lb-member.joined', data: { ...facts(lbPool, address, cluster), sharingGroup, service, ports: ['TCP/80'], backend: '', ...(cluster !== undefined && { wait: 1 }) } });
export const left = (lbPool: string, address: string, service: ServiceRef): Event =>
  ({ type: 'lb-member.left', data: { ...facts(lbPool, address), sharingGroup: null, service, ports: ['TCP/80'], backend: '', since: 1, reason: 'deleted' } });
export const released = (lbPool: string, address: string, cidr: string, service: ServiceRef): Event =>
  ({ type: 'ip.released', data: { ...facts(lbPool, address), kind: 'load-balancer', cidr, band: 'dynamic', reason: 'deleted', service, coolsUntil: new Date(Date.now() + 60_000).toISOString() } });
export const attached = (lbPool: string, address: string, service: ServiceRef): Event => ({ type: 'lb-address.attached', data: { ...facts(lbPool, address), service } });
