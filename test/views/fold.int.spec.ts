import fc from 'fast-check';
import type { RecordedCommand } from '@ipledger/messaging';
import { ClusterModel } from '@ipledger/views';
import { deliveries, useSets } from './fixture.js';
import { lbHistory, sharedPoolHistory } from './lb-log.js';
import { longHistory } from './recorded.js';

type Rows = Record<string, Record<string, any>[]>;
const iso = (time: string | null): string | null => time && new Date(time).toISOString();
const textOf = (value: unknown): string => JSON.stringify(value, (_, inner: unknown) => (inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).sort()) : inner));
const byText = (a: unknown, b: unknown): number => (textOf(a) < textOf(b) ? -1 : 1);

/** What a set holds, in the words of the model. */
const shown = (rows: Rows) => {
  const usage = (row: Record<string, any>, prefix = '') => ({
    capacity: String(row[`${prefix}capacity`]), allocated: row[`${prefix}allocated`], firstAllocationAt: iso(row[`${prefix}first_allocation_at`]),
    lastAllocationAt: iso(row[`${prefix}last_allocation_at`]), highWater: row[`${prefix}high_water`], highWaterAt: iso(row[`${prefix}high_water_at`]),
  });
  const holding = (row: Record<string, any>) => ({
    key: String(row['address'] ?? row['port']), namespace: row['namespace'], name: row['name'], uid: row['uid'],
    of: row['port'] === undefined ? JSON.stringify([row['kind'], row['lb_pool'], row['holder_cluster'], row['sharing_group']]) : '', from: { revision: row['allocated_revision'], time: iso(row['allocated_at']) },
    until: row['released_revision'] === null ? null : { revision: row['released_revision'], time: iso(row['released_at']), reason: row['release_reason'] },
  });
  const had = (row: Record<string, any>) => {
    const { key, of: _, ...rest } = holding(row);
    const isMember = row['holder_cluster'] !== undefined;
    return {
      ...rest, key: `${row['lb_pool']} ${key} ${row['holder_cluster'] ? `${row['holder_cluster']}/` : ''}${row['namespace']}/${row['name']}`, of: isMember ? JSON.stringify([row['family'], row['sharing_group']]) : row['family'],
    };
  };
  return {
    lbMembers: rows['lb_member_history']!.map(had).sort(byText), lbAttached: rows['lb_attached_history']!.map(had).sort(byText),
    lbWaits: rows['lb_waits']!.map((row) => [`${row['namespace']}/${row['name']}`, { uid: row['uid'], families: row['families'].join(), reason: row['reason'], since: iso(row['since']), revision: row['revision'] }]).sort(byText),
    addresses: rows['address_history']!.map(holding).sort(byText), nodePorts: rows['node_port_history']!.map(holding).sort(byText),
    versions: rows['service_versions']!.map((row) => [`${row['namespace']}/${row['name']}`, row['revision'], row['until_revision']]).sort(byText),
    pools: rows['pool_usage']!.map((row) => ({ pool: row['pool'], family: row['family'], lbPool: row['lb_pool'], total: usage(row), static: usage(row, 'static_'), dynamic: usage(row, 'dynamic_') })).sort(byText),
    history: rows['usage_history']!.map((row) => [`${row['step_seconds']} ${iso(row['bucket'])} ${row['pool']} ${row['family']}`, {
      allocated: row['allocated'], static: row['static_allocated'], dynamic: row['dynamic_allocated'], capacity: String(row['capacity']), max: row['allocated_max'], revision: row['revision'],
    }]).sort(byText),
  };
};

const expected = (log: readonly RecordedCommand[]) => {
  const model = new ClusterModel();
  for (const command of log) model.take(command);
  return {
    lbMembers: model.lbMembers.toSorted(byText), lbAttached: model.lbAttached.toSorted(byText), lbWaits: [...model.lbWaits].sort(byText),
    addresses: model.addresses.toSorted(byText), nodePorts: model.nodePorts.toSorted(byText),
    versions: [...model.versions].flatMap(([key, versions]) => versions.map(({ revision, until }) => [key, revision, until])).sort(byText),
    pools: [...model.pools.values()].sort(byText), history: [...model.keptHistory()].sort(byText),
  };
};

describe('a random history', () => {
  const sets = useSets();

  it.each([
    ['of a cluster', longHistory, 30], ['of a cluster with LB pools', lbHistory, 60], ['of a shared LB pool', sharedPoolHistory, 60],
  ])('%s leaves what a plain fold says, however it is cut into batches and however often they come', async (_, histories, numRuns) => {
    const schemas: { size: number; schema: string }[] = [];
    for (const size of [1, 7, 1_000]) schemas.push({ size, schema: await sets.make() });
    await fc.assert(fc.asyncProperty(histories, async (log) => {
      const contents = [];
      for (const { size, schema } of schemas) {
        for (const batch of deliveries(log, size)) expect((await sets.apply(schema, batch)).kind).toBe('applied');
        contents.push(await sets.contents(schema));
        await sets.clear(schema);
      }
      expect(contents[1]).toEqual(contents[0]);
      expect(contents[2]).toEqual(contents[0]);
      expect(shown(contents[0] as Rows)).toEqual(expected(log));
      // What is counted beside the rows is what the rows say.
      const [{ address_history: held, namespace_usage: namespaces, service_counts: counts, service_versions: versions, clusters }] = contents as [Rows];
      expect(namespaces!.reduce((sum, row) => sum + row['allocated'], 0)).toBe(held!.filter((row) => row['released_revision'] === null).length);
      expect(counts!.reduce((sum, row) => sum + row['services'], 0)).toBe(versions!.filter((row) => row['until_revision'] === null).length);
      const ports = contents[0]!['node_port_history'] as Record<string, any>[];
      expect(clusters![0]?.['node_ports_allocated'] ?? 0).toBe(ports.filter((row) => row['released_revision'] === null).length);
    }), { numRuns, endOnFailure: true }); // without shrinking: each case costs half a second, the seed brings it back
  });
});
