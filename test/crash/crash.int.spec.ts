import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceProcess } from './service-process.js';

const writers = 24;
const servicesPerRound = 400;
const rounds = 3;

interface Acknowledged {
  name: string;
  clusterIPs: string[];
  resourceVersion: string;
}

/**
 * `kill -9` of the service (and with it of its embedded Postgres) in the middle of load, then a restart on the same data:
 * what was acknowledged is there, no address is held twice, revisions have no gap.
 */
describe('kill -9 under load', () => {
  let dataDir: string;
  let service: ServiceProcess | undefined;
  beforeAll(async () => {
    await ServiceProcess.build();
    dataDir = await mkdtemp(join(tmpdir(), 'ipledger-crash-'));
  }, 180_000);
  afterAll(async () => {
    await service?.end('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  it('loses nothing that was acknowledged, three times over', async () => {
    const acknowledged = new Map<string, Acknowledged>();
    for (let round = 0; round < rounds; round++) {
      service = await ServiceProcess.start(dataDir);
      await check(service.url, acknowledged);
      const before = acknowledged.size;
      await loadUntilKilled(service, round, acknowledged);
      expect(acknowledged.size).toBeGreaterThan(before);
    }
    service = await ServiceProcess.start(dataDir);
    await check(service.url, acknowledged);
    expect(await service.end('SIGTERM')).toBe(0);
  }, 180_000);
});

const servicesOf = (url: string): string => `${url}/clusters/default/api/v1/namespaces/crash/services`;

/** Creates and deletes until the process is gone; it is killed when enough has been acknowledged, with requests under way. */
const loadUntilKilled = async (service: ServiceProcess, round: number, acknowledged: Map<string, Acknowledged>): Promise<void> => {
  let created = 0;
  const write = async (writer: number): Promise<void> => {
    for (let i = 0; i < servicesPerRound; i++) {
      const name = `s${round}-${writer}-${i}`;
      try {
        const answer = await fetch(servicesOf(service.url), {
          method: 'POST', headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ metadata: { name }, spec: { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] } }),
        });
        const body = (await answer.json()) as { metadata: { resourceVersion: string }; spec: { clusterIPs: string[] } };
        if (answer.status !== 201) throw new Error(JSON.stringify(body));
        acknowledged.set(name, { name, clusterIPs: body.spec.clusterIPs, resourceVersion: body.metadata.resourceVersion });
        if (++created === servicesPerRound) void service.end('SIGKILL');
      } catch (error) {
        if (created >= servicesPerRound) return;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  await service.end('SIGKILL');
};

const check = async (url: string, acknowledged: ReadonlyMap<string, Acknowledged>): Promise<void> => {
  const list = (await (await fetch(servicesOf(url))).json()) as { items: { metadata: { name: string; resourceVersion: string }; spec: { clusterIPs: string[] } }[] };
  const found = new Map(list.items.map((item) => [item.metadata.name, item]));
  for (const { name, clusterIPs, resourceVersion } of acknowledged.values()) {
    const item = found.get(name);
    expect({ name, clusterIPs: item?.spec.clusterIPs, resourceVersion: item?.metadata.resourceVersion }).toEqual({ name, clusterIPs, resourceVersion });
  }
  const addresses = list.items.flatMap(({ spec }) => spec.clusterIPs);
  expect(new Set(addresses).size).toBe(addresses.length);
  await checkLog(url, addresses);
};

/** The log has every revision once, and what it says is held is what the Services hold. */
const checkLog = async (url: string, addresses: readonly string[]): Promise<void> => {
  const held = new Set<string>();
  let revision = 0;
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const page = (await (await fetch(`${url}/v1/clusters/default/events?limit=1000&after=${after}`)).json()) as {
      items: { revision: number; type: string; data: { address: string; service: { namespace: string } } }[]; continue?: string;
    };
    for (const event of page.items) {
      expect(event.revision).toBe(++revision);
      if (event.type === 'ip.allocated') {
        expect(held.has(event.data.address)).toBe(false);
        held.add(event.data.address);
      } else if (event.type === 'ip.released') held.delete(event.data.address);
    }
    after = page.continue;
  }
  for (const address of addresses) expect(held.has(address)).toBe(true);
  expect(held.size).toBe(addresses.length + 1); // and default/kubernetes
};
