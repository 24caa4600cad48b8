import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { eventually } from '@ipledger/testing';
import { prometheusRules } from '../../deploy/generate/prometheus-rules.js';
import { startServer, type TestServer } from '../../apps/allocator/test/start.js';
import { describeWith } from './binaries.js';
import { startAlertmanager, startPrometheus, type Prometheus } from './prometheus.js';

interface Notice { status: 'firing' | 'resolved'; alertname: string; cluster: string | undefined; family: string | undefined; summary: string | undefined }

describeWith(['prometheus', 'prometheus-alertmanager'], 'from a pool that fills to the pager, and back', () => {
  const notices: Notice[] = [];
  let server: TestServer;
  let webhook: Server;
  let alertmanager: { address: string; stop(): Promise<void> };
  let prometheus: Prometheus;

  beforeAll(async () => {
    server = await startServer();
    await server.register('prod', ['10.0.0.0/29', 'fd00::/64']);
    await server.register('test', ['10.0.0.0/29']);
    webhook = createServer((request, response) => {
      void json(request).then((body) => {
        for (const { status, labels, annotations } of (body as { alerts: { status: Notice['status']; labels: Record<string, string>; annotations: Record<string, string> }[] }).alerts)
          notices.push({ status, alertname: labels['alertname'] ?? '', cluster: labels['cluster'], family: labels['family'], summary: annotations['summary'] });
        response.end();
      });
    });
    await new Promise<void>((resolve) => { webhook.listen(0, '127.0.0.1', resolve); });
    alertmanager = await startAlertmanager({
      route: { receiver: 'pager', group_by: ['...'], group_wait: '100ms', group_interval: '1s', repeat_interval: '1h' },
      receivers: [{ name: 'pager', webhook_configs: [{ url: `http://127.0.0.1:${(webhook.address() as AddressInfo).port}`, send_resolved: true }] }],
    });
    prometheus = await startPrometheus({
      global: { scrape_interval: '500ms', evaluation_interval: '500ms' },
      rule_files: ['rules.yaml'],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager.address] }] }] },
      scrape_configs: [{ job_name: 'ipledger', honor_labels: true, static_configs: [{ targets: [new URL(server.url).host] }] }],
      // Our rules, only less patient: minutes become seconds.
    }, { files: { 'rules.yaml': prometheusRules().replaceAll(/for: \d+[mh]$/gm, 'for: 2s') } });
  });
  afterAll(async () => {
    await prometheus?.stop();
    await alertmanager?.stop();
    await new Promise((resolve) => { webhook.close(resolve); });
    await server.close();
  });

  const create = async (name: string): Promise<number> => (await server.send('POST', server.services('prod'), { metadata: { name }, spec: { ports: [{ port: 80 }] } })).status;
  const told = (alertname: string, status: Notice['status']): Promise<Notice> => eventually(() => {
    const notice = notices.find((one) => one.alertname === alertname && one.status === status);
    if (notice === undefined) throw new Error(`no ${status} ${alertname}; there were ${JSON.stringify(notices)}`);
    return notice;
  }, { timeoutMs: 40_000, everyMs: 100 });

  it('fires for the full family of the one cluster, and resolves when a Service goes', async () => {
    for (let i = 0; i < 5; i++) expect(await create(`s${i}`)).toBe(201); // with default/kubernetes all 6
    expect(await create('one-too-many')).toBe(500);
    expect(await told('IpledgerPoolExhausted', 'firing')).toEqual({ status: 'firing', alertname: 'IpledgerPoolExhausted', cluster: 'prod', family: 'IPv4', summary: 'prod IPv4: no Service address is left' });
    expect((await server.send('DELETE', `${server.services('prod')}/s0`)).status).toBe(200);
    expect(await told('IpledgerPoolExhausted', 'resolved')).toMatchObject({ cluster: 'prod', family: 'IPv4' });
    expect(notices.filter(({ cluster, family }) => cluster === 'test' || family === 'IPv6')).toEqual([]);
  });
});
