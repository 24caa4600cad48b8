import { randomUUID } from 'node:crypto';
import { InMemoryEventStore } from '@ipledger/event-store';
import { startServer, type TestServer } from './start.js';

const log = 'lb-pool:edge';
const definition = { name: log, serviceCIDRs: ['10.1.0.0/24'], draining: [], nodePortRange: '30000-32767', createdAt: '2026-03-01T12:00:00.000Z' };

/** Whatever such a log holds, even what a cluster's would: its name alone says that it is none. */
describe('the log of a shared LB pool', () => {
  let server: TestServer;
  beforeAll(async () => {
    const store = new InMemoryEventStore();
    const { id } = await store.nameCluster(log);
    const { draining: _, ...data } = definition;
    const claim = { address: '10.1.0.1', namespace: 'default', name: 'web', uid: 'u', since: new Date(), revision: 2 };
    await store.append({
      clusterId: id, at: 0, epoch: 1, claims: { taken: [claim], moved: [], released: [] }, portClaims: { taken: [], moved: [], released: [] },
      documents: { written: [{ namespace: 'default', name: 'web', uid: 'u', revision: 2, document: '{"metadata":{"name":"web","namespace":"default"},"spec":{"clusterIPs":["10.1.0.1"],"ports":[{"port":80}]}}' }], removed: [] },
      requests: [], definition: JSON.stringify(definition),
      rows: [{ time: new Date(), eventCount: 1, command: { id: randomUUID(), kind: 'RegisterCluster', requestId: null, actor: null, userAgent: null, traceparent: null }, events: JSON.stringify([{ type: 'cluster.registered', data }]) }],
    });
    server = await startServer(store);
    await server.register('blue', ['10.96.0.0/16']);
  });
  afterAll(() => server.close());

  it.each([
    ['GET', `/v1/clusters/${log}`], ['DELETE', `/v1/clusters/${log}`], ['GET', `/v1/clusters/${log}/cidrs`], ['GET', `/v1/clusters/${log}/cidrs/10.1.0.0/24`], ['GET', `/v1/clusters/${log}/network`],
    ['GET', `/v1/clusters/${log}/reservations`], ['GET', `/v1/clusters/${log}/events`], ['GET', `/v1/clusters/${log}/events?follow=true`], ['GET', `/v1/clusters/${log}/addresses/10.1.0.1`],
    ['GET', `/v1/clusters/${log}/kubeconfig`], ['GET', `/metrics/kubernetes?cluster=${log}`],
    ['GET', `/v1/clusters/${encodeURIComponent(log)}`], ['GET', `/v1/clusters/${encodeURIComponent(log)}/events`],
  ])('is no cluster to %s %s', async (method, path) => {
    expect(await server.send(method, path)).toMatchObject({ status: 404, json: { code: 'cluster_not_found' } });
  });

  it.each([
    ['POST', `/v1/clusters/${log}/preflight`, { ipv4: 1 }], ['PUT', `/v1/clusters/${log}`, { serviceCIDRs: ['10.2.0.0/24'] }], ['POST', `/v1/clusters/${log}/cidrs:drain`, { cidr: '10.1.0.0/24' }],
    ['POST', `/v1/clusters/${log}/reservations`, { family: 'IPv4', reason: 'r', owner: 'o' }], ['POST', `/v1/clusters/${log}/services:topup`, {}],
    ['POST', `/v1/clusters/${log}/services:batch`, { items: [{ operation: 'delete', namespace: 'default', name: 'web' }] }],
  ])('is no cluster to %s %s with a body', async (method, path, body) => {
    expect(await server.send(method, path, body)).toMatchObject({ status: 404, json: { code: 'cluster_not_found' } });
  });

  it.each([log, encodeURIComponent(log)])('has no Kubernetes API under /clusters/%s', async (name) => {
    for (const [method, path, body] of [
      ['GET', '/version'], ['GET', '/api'], ['GET', '/api/v1/services'], ['GET', '/api/v1/services?watch=true'], ['GET', '/api/v1/namespaces/default/services/web'], ['DELETE', '/api/v1/namespaces/default/services/web'],
      ['POST', '/api/v1/namespaces/default/services', { metadata: { name: 'x' }, spec: { ports: [{ port: 1 }] } }], ['GET', '/apis/networking.k8s.io/v1/servicecidrs'], ['GET', '/apis/networking.k8s.io/v1/ipaddresses'], ['GET', '/openapi/v3'],
    ] as const) expect(await server.send(method, `/clusters/${name}${path}`, body), path).toMatchObject({ status: 404, json: { kind: 'Status', reason: 'NotFound' } });
  });

  it('is in no list of clusters, of targets, or of numbers as a kube-apiserver has them', async () => {
    expect((await server.send('GET', '/v1/clusters')).json.items.map(({ name }: { name: string }) => name)).toEqual(['blue']);
    const lists = await Promise.all(['/v1/stats/prometheus-sd', '/metrics/kubernetes'].map((path) => server.send('GET', path)));
    expect(lists.map(({ status }) => status)).toEqual([200, 200]);
    for (const { text } of lists) expect(text).not.toContain(log);
    expect(lists[1]?.text).toContain('cluster="blue"');
  });

  it('has a name that no cluster can be given', async () => {
    for (const name of [log, 'lb-pool:other', 'a:b'])
      expect(await server.send('POST', '/v1/clusters', { name, serviceCIDRs: ['10.96.0.0/16'] })).toMatchObject({ status: 422, json: { code: 'cluster_invalid' } });
    expect((await server.store.clusters()).map(({ name }) => name)).toEqual(['blue', log]);
  });

  it('is read as the events of its pool', async () => {
    expect((await server.send('GET', '/v1/lb-pools/edge/events')).json).toMatchObject({ items: [{ id: `${log}/1/1`, cluster: log, revision: 1, type: 'cluster.registered' }] });
    const stream = await fetch(`${server.url}/v1/lb-pools/edge/events?follow=true`);
    const reader = stream.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain(`"id":"${log}/1/1"`);
    await reader.cancel();
    for (const path of ['/v1/lb-pools/other/events', '/v1/lb-pools/blue/events'])
      expect(await server.send('GET', path)).toMatchObject({ status: 404, json: { code: 'not_found', detail: expect.stringContaining('no shared LB pool named') } });
    expect(await server.send('GET', '/v1/lb-pools/edge/events?after=9&follow=true')).toMatchObject({ status: 400 });
  });
});
