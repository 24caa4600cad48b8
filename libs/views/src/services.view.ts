import type { Event, ServiceObject } from '@ipledger/services';
import { ends, writes, type Collector, type Moment, type Part, type View } from './view.js';

/**
 * Every version of every Service, with what concerns its addresses: the versions that have not ended are the present
 * Services, and those around a revision or an instant are the Services as of then. Beside it how many there are of each kind.
 */
export const servicesView: View = {
  tables: `
    CREATE TABLE service_versions (
      cluster text COLLATE "C" NOT NULL,
      namespace text COLLATE "C" NOT NULL,
      name text COLLATE "C" NOT NULL,
      revision bigint NOT NULL,
      changed_at timestamptz NOT NULL,
      uid text NOT NULL,
      type text NOT NULL,
      ip_family_policy text NOT NULL,
      ip_families text[] NOT NULL,
      cluster_ips text[] NOT NULL,
      headless boolean NOT NULL,
      created_at timestamptz,
      until_revision bigint,
      until_at timestamptz,
      CONSTRAINT service_versions_pkey PRIMARY KEY (cluster, namespace, name, revision)
    );
    CREATE UNIQUE INDEX service_versions_present ON service_versions (cluster, namespace, name) WHERE until_revision IS NULL;
    CREATE TABLE service_counts (
      cluster text COLLATE "C" NOT NULL,
      namespace text COLLATE "C" NOT NULL,
      type text NOT NULL,
      ip_family_policy text NOT NULL,
      families text NOT NULL,
      headless boolean NOT NULL,
      services bigint NOT NULL,
      CONSTRAINT service_counts_pkey PRIMARY KEY (cluster, namespace, type, ip_family_policy, families, headless)
    ) WITH (fillfactor = 50)`,
  stable: {
    service_versions: `SELECT cluster, namespace, name, uid, type, ip_family_policy, ip_families, cluster_ips, headless, created_at, revision, changed_at, until_revision, until_at
      FROM {set}.service_versions`,
    services: `SELECT s.cluster, s.namespace, s.name, s.uid, s.type, s.ip_family_policy, s.ip_families, s.cluster_ips, s.headless, s.created_at, s.revision, s.changed_at,
        s.ip_family_policy = 'PreferDualStack' AND cardinality(s.ip_families) = 1 AND cardinality(c.families) = 2 AS unsatisfied
      FROM {set}.service_versions s JOIN {set}.clusters c ON c.cluster = s.cluster WHERE s.until_revision IS NULL`,
    service_counts: `SELECT n.cluster, n.namespace, n.type, n.ip_family_policy, n.families, n.headless, n.services,
        CASE WHEN n.ip_family_policy = 'PreferDualStack' AND n.families IN ('IPv4', 'IPv6') AND cardinality(c.families) = 2 THEN n.services ELSE 0 END AS unsatisfied
      FROM {set}.service_counts n JOIN {set}.clusters c ON c.cluster = n.cluster WHERE n.services > 0`,
  },
  compared: { service_versions: 'true', service_counts: 'services <> 0' },
};

interface Version {
  namespace: string;
  name: string;
  revision: number;
  changed_at: string;
  uid: string;
  type: string;
  ip_family_policy: string;
  ip_families: string[];
  cluster_ips: string[];
  headless: boolean;
  created_at: string | null;
  until_revision: number | null;
  until_at: string | null;
}
type End = Pick<Version, 'namespace' | 'name' | 'until_revision' | 'until_at'>;

export class ServiceChanges implements Collector {
  private readonly begun: Version[] = [];
  /** Key -> the version that stands at the end of the run and began in it. */
  private readonly present = new Map<string, Version>();
  private readonly ended: End[] = [];

  take(event: Event, moment: Moment): void {
    if (event.type !== 'service.created' && event.type !== 'service.updated' && event.type !== 'service.deleted') return;
    const { namespace, name, uid } = event.data.service;
    const key = `${namespace}/${name}`;
    if (event.type !== 'service.created') this.end(key, { namespace, name, until_revision: moment.revision, until_at: moment.time });
    if (event.type !== 'service.deleted') this.begin(key, { namespace, name, uid, ...versionOf(event.data.object, moment) });
  }

  /** A version that ended in the run that began it was never counted. */
  parts(): Part[] {
    return [
      ...ends('versions_ended', this.ended, (rows) => `UPDATE service_versions s SET until_revision = r.until_revision, until_at = r.until_at
        FROM json_to_recordset(${rows}::json) AS r (namespace text, name text, until_revision bigint, until_at timestamptz)
        WHERE s.cluster = $1 AND s.namespace = r.namespace AND s.name = r.name AND s.until_revision IS NULL
        RETURNING s.namespace, s.type, s.ip_family_policy, s.ip_families, s.headless`, countChanges('versions_ended', -1)),
      ...writes('versions_begun', this.begun, (rows) => `INSERT INTO service_versions AS s (cluster, namespace, name, revision, changed_at, uid, type,
          ip_family_policy, ip_families, cluster_ips, headless, created_at, until_revision, until_at)
        SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (namespace text, name text, revision bigint, changed_at timestamptz, uid text, type text,
          ip_family_policy text, ip_families text[], cluster_ips text[], headless boolean, created_at timestamptz, until_revision bigint, until_at timestamptz)
        RETURNING s.namespace, s.type, s.ip_family_policy, s.ip_families, s.headless, s.until_revision`, countChanges('versions_begun WHERE until_revision IS NULL', 1)),
    ];
  }

  private begin(key: string, version: Version): void {
    this.begun.push(version);
    this.present.set(key, version);
  }

  private end(key: string, end: End): void {
    const version = this.present.get(key);
    if (version === undefined) this.ended.push(end);
    else Object.assign(version, end);
    this.present.delete(key);
  }
}

/** Two families count as one kind, whichever comes first. */
const countChanges = (changed: string, by: 1 | -1): string => `INSERT INTO service_counts AS n (cluster, namespace, type, ip_family_policy, families, headless, services)
  SELECT $1, namespace, type, ip_family_policy, families, headless, ${by} * count(*)
  FROM (SELECT *, CASE cardinality(ip_families) WHEN 0 THEN 'none' WHEN 1 THEN ip_families[1] ELSE 'IPv4,IPv6' END AS families FROM ${changed}) AS changed
  GROUP BY namespace, type, ip_family_policy, families, headless
  ON CONFLICT ON CONSTRAINT service_counts_pkey DO UPDATE SET services = n.services + excluded.services`;

/** A Service of an old release may have no `ipFamilies`: then its addresses tell. Without a policy (ExternalName) it is `none`. */
const versionOf = ({ metadata, spec }: ServiceObject, { revision, time }: Moment) => {
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  const headless = clusterIPs[0] === 'None';
  return {
    revision, changed_at: time, type: spec.type ?? 'ClusterIP', ip_family_policy: spec.ipFamilyPolicy ?? 'none',
    ip_families: spec.ipFamilies ?? (headless ? [] : clusterIPs.map((address) => (address.includes(':') ? 'IPv6' : 'IPv4'))),
    cluster_ips: headless ? [] : clusterIPs, headless, created_at: metadata.creationTimestamp ?? null, until_revision: null, until_at: null,
  };
};
