import { resolve } from 'node:path';
import { schemaVersion } from '@ipledger/event-store';
import { freshDatabase, type TestDatabase } from '@ipledger/testing';
import { Balancer } from './balancer.js';
import { ProgramVersion } from './program-version.js';
import { ServiceProcess } from './service-process.js';
import { SteadyLoad } from './steady-load.js';

const env = { DRAIN_SECONDS: '1' };
/** A build of an older commit to come from. Without it this one is the old program, and the new one is this one with two migrations more. */
const older = process.env['UPGRADE_FROM'];
const expansion = `-- min-program-version: ${schemaVersion}
ALTER TABLE log ADD COLUMN later text;
CREATE INDEX log_later ON log (cluster_id, later);`;
const contraction = `-- min-program-version: ${schemaVersion + 1}
ALTER TABLE log DROP COLUMN later;`;

interface Fleet {
  allocators: ServiceProcess[];
  projector: ServiceProcess;
}

/** Allocators behind a load balancer and a projector, brought from one version to the next as docs/deploy.md says, under load. */
describe('an upgrade', () => {
  let database: TestDatabase;
  let balancer: Balancer;
  let versions: { old: ProgramVersion; next: ProgramVersion; last?: ProgramVersion };
  let fleet: Fleet;
  let load: SteadyLoad;
  const allocator = (version: ProgramVersion): Promise<ServiceProcess> => ServiceProcess.startAllocator(database.url, env, version.folder);
  const projector = (version: ProgramVersion): Promise<ServiceProcess> => ServiceProcess.startProjector(database.url, env, version.folder);

  beforeAll(async () => {
    await ServiceProcess.build();
    versions = older === undefined
      ? { old: ProgramVersion.at(), next: await ProgramVersion.later([expansion]), last: await ProgramVersion.later([expansion, contraction]) }
      : { old: ProgramVersion.at(resolve(older)), next: ProgramVersion.at() };
    database = await freshDatabase({ migrated: false });
    balancer = await Balancer.start();
    expect(await versions.old.admin(database.url, 'migrate')).toMatchObject({ code: 0 });
    fleet = { allocators: [await allocator(versions.old), await allocator(versions.old)], projector: await projector(versions.old) };
    await balancer.use(fleet.allocators.map(({ url }) => url));
    const registered = await fetch(`${balancer.url}/v1/clusters`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'c', serviceCIDRs: ['10.96.0.0/16'] }) });
    expect(registered.status).toBe(201);
    load = new SteadyLoad(balancer.url, 'c');
  }, 180_000);
  afterAll(async () => {
    await load.stop();
    await balancer.stop();
    for (const one of [...fleet.allocators, fleet.projector]) await one.end('SIGKILL');
    await database.drop();
    for (const version of Object.values(versions)) await version.remove();
  });

  /** The old one is told to stop and drains, the new one is started: somebody serves all the time. */
  const replaceFirst = async (version: ProgramVersion): Promise<void> => {
    const [first, ...others] = fleet.allocators as [ServiceProcess, ...ServiceProcess[]];
    const before = load.held.size;
    expect(await first.end('SIGTERM')).toBe(0);
    expect(load.held.size).toBeGreaterThan(before);
    fleet.allocators = [...others, await allocator(version)];
    await balancer.use(fleet.allocators.map(({ url }) => url));
  };
  const roll = async (version: ProgramVersion): Promise<void> => {
    for (let i = 0; i < fleet.allocators.length; i++) await replaceFirst(version);
    expect(await fleet.projector.end('SIGTERM')).toBe(0);
    fleet.projector = await projector(version);
  };
  /** Everything that was acknowledged is there, once; nothing failed; all that is derived is what the log says. */
  const expectWhole = async (version: ProgramVersion): Promise<void> => {
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(new Set(load.held.values()).size).toBe(load.held.size);
    const { items } = (await (await fetch(`${balancer.url}/clusters/c/api/v1/namespaces/default/services`)).json()) as { items: { metadata: { name: string }; spec: { clusterIP: string } }[] };
    expect(new Map(items.filter(({ metadata }) => metadata.name !== 'kubernetes').map(({ metadata, spec }) => [metadata.name, spec.clusterIP]))).toEqual(load.held);
    const { revision } = (await (await fetch(`${balancer.url}/v1/clusters/c`)).json()) as { revision: number };
    expect((await fetch(`${fleet.projector.url}/v1/clusters/c/pools?minRevision=${revision}&timeout=30`)).status).toBe(200);
    expect(await version.admin(database.url, 'verify')).toMatchObject({ code: 0 });
  };

  it('expands the schema, then replaces process by process: nobody notices, and all is right', async () => {
    expect(await versions.next.admin(database.url, 'migrate')).toMatchObject({ code: 0 });
    if (older === undefined) await replaceFirst(versions.old); // it served the schema before, and may be started on this one
    await roll(versions.next);
    if (older !== undefined) await expectWhole(versions.next);
  }, 400_000);

  it.skipIf(older !== undefined)('contracts the schema once the old program is gone, which then is not let in', async () => {
    expect(await versions.last!.admin(database.url, 'migrate')).toMatchObject({ code: 0 });
    await expect(allocator(versions.old)).rejects.toThrow(`newer than this program (${schemaVersion}) and serves programs from ${schemaVersion + 1} on: run a newer program`);
    await replaceFirst(versions.next); // the one before may still be started
    await roll(versions.last!);
    await expectWhole(versions.last!);
  }, 400_000);
});
