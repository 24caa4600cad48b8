// node --import ./libs/testing/src/ts-loader.mjs libs/event-store/bench/append.bench.ts [--rounds 5] [--seconds 0.7] [--only program,unnest]
// Appends dual-stack Services on one connection in the shapes of `variants.ts`, in turn, and prints medians.
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { migrate } from '@ipledger/event-store';
import type { AppendBatch } from '@ipledger/event-store';
import { startEmbeddedPostgres } from '@ipledger/runtime';
import pg from 'pg';
import { append } from '../src/postgres/append.js';
import { variants } from './variants.js';
import type { Variant } from './variants.js';

const sizes = [1, 16, 128, 256];
const eventsPerService = 3; // two ip.allocated, one service.created

interface Lane {
  readonly variant: Variant;
  readonly client: pg.Client;
  revision: number;
  services: number;
  readonly rates: Map<number, number[]>; // batch size -> Services per second, one per round
  readonly nodeMicros: Map<number, number[]>; // batch size -> CPU of this process per Service
  readonly backendMicros: Map<number, number[]>; // batch size -> CPU of the connection's backend per Service
  readonly backendPid: number;
}

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '0.7' }, only: { type: 'string', default: '' } } });
const all: readonly Variant[] = [{ name: 'the program (text, strings in json)', ddl: '', append }, ...variants];
const chosen = all.filter(({ name }) => options.only.split(',').some((part) => name.includes(part)));

const dataDir = await mkdtemp(path.join(os.tmpdir(), 'ipledger-bench-'));
const server = await startEmbeddedPostgres({ dataDir, binariesDir: path.join(os.tmpdir(), 'ipledger-postgres') });
try {
  const lanes = await Promise.all(chosen.map((variant, index) => openLane(server.url, variant, index)));
  for (let round = 0; round <= Number(options.rounds); round += 1) {
    for (const size of sizes) {
      for (const lane of rotated(lanes, round)) await run(lane, size, round > 0); // the first round warms up
    }
  }
  await report(lanes);
  await Promise.all(lanes.map(({ client }) => client.end()));
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}

async function openLane(url: string, variant: Variant, index: number): Promise<Lane> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE DATABASE lane_${index}`);
  await admin.end();
  const laneUrl = new URL(url);
  laneUrl.pathname = `/lane_${index}`;
  await migrate(laneUrl.href);
  const client = new pg.Client({ connectionString: laneUrl.href });
  await client.connect();
  await client.query(`${variant.ddl}; INSERT INTO clusters (name) VALUES ('bench'); INSERT INTO cluster_revisions VALUES (1, 0, 1)`);
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return { variant, client, revision: 0, services: 0, rates: new Map(), nodeMicros: new Map(), backendMicros: new Map(), backendPid: rows[0]?.pid ?? 0 };
}

async function run(lane: Lane, size: number, counts: boolean): Promise<void> {
  const started = performance.now();
  const cpu = process.cpuUsage();
  const backendCpu = await cpuMicrosOf(lane.backendPid);
  const until = started + Number(options.seconds) * 1000;
  let appended = 0;
  while (performance.now() < until) {
    await lane.variant.append(lane.client, makeBatch(lane, size));
    lane.revision += size * eventsPerService;
    lane.services += size;
    appended += size;
  }
  const { user, system } = process.cpuUsage(cpu);
  if (!counts) return;
  push(lane.rates, size, (appended * 1000) / (performance.now() - started));
  push(lane.nodeMicros, size, (user + system) / appended);
  push(lane.backendMicros, size, ((await cpuMicrosOf(lane.backendPid)) - backendCpu) / appended);
}

/** In ticks of 10 ms, so only good for sums; on a machine that others use it tells more than the wall clock. NaN without /proc. */
async function cpuMicrosOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Making the batch costs the same for all; it is part of what is measured, as it is part of a writer's turn. */
function makeBatch(lane: Lane, size: number): AppendBatch {
  const services = Array.from({ length: size }, (_, index) => makeService(lane.services + index, lane.revision + (index + 1) * eventsPerService));
  return {
    clusterId: 1, at: lane.revision, epoch: 1,
    rows: services.map(({ row }) => row),
    claims: { taken: services.flatMap(({ claims }) => claims), moved: [], released: [] },
    portClaims: { taken: [], moved: [], released: [] },
    documents: { written: services.map(({ document }) => document), removed: [] },
    requests: [],
  };
}

function makeService(number: number, revision: number) {
  const [namespace, name, uid, time] = [`team-${number % 50}`, `service-${number}`, randomUUID(), new Date()];
  const addresses = [`10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`, `fd00:10:96::${(number >> 16).toString(16)}:${(number & 0xffff).toString(16)}`];
  const object = {
    apiVersion: 'v1', kind: 'Service',
    metadata: { name, namespace, uid, resourceVersion: String(revision), creationTimestamp: time.toISOString(), labels: { app: name, 'app.kubernetes.io/managed-by': 'Helm', tier: 'backend' }, annotations: { 'meta.helm.sh/release-name': name } },
    spec: {
      type: 'ClusterIP', clusterIP: addresses[0], clusterIPs: addresses, ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack', selector: { app: name, tier: 'backend' },
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }, { name: 'metrics', protocol: 'TCP', port: 9090, targetPort: 'metrics' }],
      sessionAffinity: 'None', internalTrafficPolicy: 'Cluster',
    },
    status: { loadBalancer: {} },
  };
  const document = JSON.stringify(object);
  const events = `[${addresses.map((address) => JSON.stringify({ type: 'ip.allocated', data: { address, cidr: '10.0.0.0/8', band: 'dynamic', scope: 'dynamic', service: { namespace, name }, uid } })).join(',')},{"type":"service.created","data":{"service":${JSON.stringify({ namespace, name, uid })},"object":${document}}}]`;
  return {
    row: { time, eventCount: eventsPerService, events, command: { id: randomUUID(), kind: 'CreateService', requestId: randomUUID(), actor: 'system:serviceaccount:ci:deployer', userAgent: 'kubectl/v1.34.0', traceparent: null } },
    claims: addresses.map((address) => ({ address, namespace, name, uid, since: time, revision: revision - 2 })),
    document: { namespace, name, uid, revision, document },
  };
}

async function report(lanes: readonly Lane[]): Promise<void> {
  const sample = makeService(70_000, 210_000);
  const { rows } = await lanes[0]!.client.query<{ version: string; fsync: string; commit: string }>("SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit");
  const [settings] = rows;
  console.log(`${new Date().toISOString()}  ${os.cpus().length} x ${os.cpus()[0]?.model}, load ${os.loadavg()[0]?.toFixed(1)}, Node ${process.version}, Postgres ${settings?.version}, fsync ${settings?.fsync}, synchronous_commit ${settings?.commit}`);
  console.log(`one connection over a Unix socket; per Service: events ${sample.row.events.length} B, document ${sample.document.document.length} B, 2 claims; median of ${options.rounds} rounds of ${options.seconds} s\n`);
  console.log(['Services/s at batch', ...sizes.map(String), 'spread at 128', 'Node us/Service at 128', 'backend us/Service at 1, 16, 128', 'bytes per Service'].join(' | '));
  for (const lane of lanes) {
    const rates = lane.rates.get(128) ?? [];
    console.log([lane.variant.name.padEnd(36), ...sizes.map((size) => Math.round(median(lane.rates.get(size) ?? []))),
      `${Math.round(Math.min(...rates))}-${Math.round(Math.max(...rates))}`, Math.round(median(lane.nodeMicros.get(128) ?? [])),
      [1, 16, 128].map((size) => Math.round(mean(lane.backendMicros.get(size) ?? []))).join(', '), await bytesPerService(lane)].join(' | '));
  }
}

async function bytesPerService({ client, services }: Lane): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>("SELECT sum(pg_total_relation_size(c)) AS bytes FROM unnest('{log,claims,documents}'::regclass[]) AS c");
  return Math.round(Number(rows[0]?.bytes) / services);
}

/** Another lane goes first each round, so that none always follows the same neighbour's dirty pages. */
function rotated<T>(list: readonly T[], by: number): T[] {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
