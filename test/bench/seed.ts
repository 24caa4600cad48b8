import type pg from 'pg';
import { filledSql, type SampleRows } from './rows.js';

/** The pools of every cluster of the bench: room for a million Services, and more IPv6 addresses than anybody can walk. */
export const poolCidrs = ['10.0.0.0/12', 'fd00:1:2:3::/64'] as const;
const ipv4First = '10.0.0.1';
const ipv4Usable = 2 ** 20 - 2;
const ipv6First = 'fd00:1:2:3::1';

export interface Fill {
  cluster: string;
  /** Of each thousand usable IPv4 addresses so many are taken, here and there. */
  perMille: number;
  /** How many Services at most, from the low end of the pool. */
  services: number;
}

/**
 * Writes the tables of a registered cluster as if so many dual-stack Services had been created: claims, documents and the
 * counter row, without history. Free IPv4 addresses lie scattered between the taken ones, as after years of churn; IPv6
 * addresses are one dense run. The cluster must not be in any writer's memory yet.
 * @returns how many Services there are now
 */
export const seedServices = async (client: pg.ClientBase, sample: SampleRows, { cluster, perMille, services }: Fill): Promise<number> => {
  const { rows: [head] } = await client.query<{ id: number; revision: string }>(
    'SELECT c.id, h.revision FROM clusters c JOIN cluster_revisions h ON h.cluster_id = c.id WHERE c.name = $1', [cluster]);
  if (head === undefined) throw new Error(`there is no cluster ${cluster}`);
  await client.query('BEGIN');
  // Offset 0 belongs to default/kubernetes. "number" is dense, "host" has gaps.
  await client.query(`CREATE TEMP TABLE seeded ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY host)::int AS number, host, 'seed-' || lpad(host::text, 8, '0') AS name, md5(host::text)::uuid::text AS uid
    FROM generate_series(1, ${ipv4Usable - 1}) AS host WHERE abs(hashint4(host)::bigint) % 1000 < ${perMille} ORDER BY host LIMIT ${services}`);
  const claim = (revision: string, address: string): string => `INSERT INTO claims (cluster_id, address, revision, since, namespace, name, uid)
    SELECT ${head.id}, ${address}, ${head.revision} + number * 3 - ${revision}, now(), 'default', name, uid FROM seeded ORDER BY number`;
  await client.query(claim('2', `inet '${ipv4First}' + host`));
  await client.query(claim('1', `inet '${ipv6First}' + number`));
  const document = filledSql(sample.document, {
    name: 'name', uid: 'uid', ipv4: `host(inet '${ipv4First}' + host)`, ipv6: `host(inet '${ipv6First}' + number)`, revision: `(${head.revision} + number * 3)::text`,
  });
  await client.query(`INSERT INTO documents (cluster_id, namespace, name, revision, uid, document)
    SELECT ${head.id}, 'default', name, ${head.revision} + number * 3, uid, ${document} FROM seeded ORDER BY number`);
  const { rows: [counted] } = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM seeded');
  await client.query(`UPDATE cluster_revisions SET revision = revision + 3 * ${counted?.count ?? 0} WHERE cluster_id = ${head.id}`);
  await client.query('COMMIT');
  return counted?.count ?? 0;
};

/** Nothing that seeding left to be done later falls into a measurement. */
export const settle = async (client: pg.ClientBase): Promise<void> => {
  await client.query('VACUUM (ANALYZE) claims, documents');
  await client.query('CHECKPOINT');
};
