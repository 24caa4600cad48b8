import type { Claim } from '@ipledger/event-store';
import { parseAddress } from '@ipledger/ip';
import { bandOf, compileDefinition, poolOf, type Pool } from '@ipledger/services';
import type { KnownCluster } from '../../writer/writers.js';
import { age } from '../service-table.js';

/** An object of a kind that is only read, and the cells of its row. */
export interface ReadOnlyObject {
  object: { kind: string; apiVersion: string; metadata: { name: string; labels: Record<string, string> } & Record<string, unknown> } & Record<string, unknown>;
  cells: (string | null)[];
}

export interface ReadOnlyKind {
  resource: 'ipaddresses' | 'servicecidrs';
  kind: 'IPAddress' | 'ServiceCIDR';
  columns: readonly { name: string; type: 'string'; format: string; description: string; priority: number }[];
}

const column = (name: string, description: string, priority = 0) => ({ name, type: 'string' as const, format: name === 'Name' ? 'name' : '', description, priority });
const apiVersion = 'networking.k8s.io/v1';

/** The claims of a cluster. The columns of priority 1 are ours: pool, band and since when. */
export const ipAddressKind: ReadOnlyKind = {
  resource: 'ipaddresses', kind: 'IPAddress',
  columns: [
    column('Name', 'The address in canonical form.'),
    column('ParentRef', 'The Service that holds the address.'),
    column('Pool', 'The service CIDR that contains the address.', 1),
    column('Band', 'static or dynamic: which part of its pool the address lies in.', 1),
    column('Since', 'How long the address has been held.', 1),
  ],
};

/** @see pkg/apis/networking types IPAddress, Kubernetes v1.37.2 */
export const ipAddress = (claim: Claim, pools: readonly Pool[], now: Date): ReadOnlyObject => {
  const address = parseAddress(claim.address);
  const pool = address && poolOf(pools, address);
  const labels = { 'ipaddress.kubernetes.io/ip-family': claim.address.includes(':') ? 'IPv6' : 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' };
  return {
    object: {
      kind: 'IPAddress', apiVersion,
      metadata: { name: claim.address, resourceVersion: String(claim.revision), creationTimestamp: seconds(claim.since), labels },
      spec: { parentRef: { resource: 'services', namespace: claim.namespace, name: claim.name } },
    },
    cells: [
      claim.address, `services/${claim.namespace}/${claim.name}`, pool?.name ?? '<none>',
      (pool && address && bandOf(pool, address.value)) ?? '<none>', age(now.getTime() - claim.since.getTime()),
    ],
  };
};

/** The pools of a cluster. */
export const serviceCidrKind: ReadOnlyKind = {
  resource: 'servicecidrs', kind: 'ServiceCIDR',
  columns: [
    column('Name', 'Name of the object.'),
    column('CIDRs', 'The ranges that addresses of Services are taken from, the primary family first.'),
    column('Age', 'How long ago the cluster was registered.'),
    column('State', 'open, or draining: nothing new is taken from it.', 1),
  ],
};

/** `kubernetes` is the first range of each family, as an API server configures them; every further range is an object of its own. */
export const serviceCidrs = ({ definition, revision }: KnownCluster, now: Date): ReadOnlyObject[] => {
  const { pools, families } = compileDefinition(definition);
  const own = families.map((family) => pools.find((pool) => pool.family === family)).filter((pool) => pool !== undefined);
  const named = [{ name: 'kubernetes', ranges: own }, ...pools.filter((pool) => !own.includes(pool)).map((pool) => ({ name: rangeName(pool), ranges: [pool] }))];
  const createdAt = new Date(definition.createdAt);
  return named.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, ranges }) => {
    const draining = ranges.filter(({ state }) => state === 'draining').map((pool) => pool.name);
    const cidrs = ranges.map((pool) => pool.name);
    const message = draining.length > 0 ? `nothing new is taken from ${draining.join(', ')}` : 'Kubernetes default Service CIDR is ready';
    const condition = { type: 'Ready', status: draining.length > 0 ? 'False' : 'True', lastTransitionTime: seconds(createdAt), reason: draining.length > 0 ? 'Draining' : '', message };
    return {
      object: {
        kind: 'ServiceCIDR', apiVersion, metadata: { name, labels: {}, resourceVersion: String(revision), creationTimestamp: seconds(createdAt) },
        spec: { cidrs }, status: { conditions: [condition] },
      },
      cells: [name, cidrs.join(','), age(now.getTime() - createdAt.getTime()), draining.length > 0 ? 'draining' : 'open'],
    };
  });
};

/** A name that an object may have: `ipv4-10.100.0.0-16`, `ipv6-fd00-1---112`. */
const rangeName = ({ name, family }: Pool): string => `${family.toLowerCase()}-${name.replace(/[:/]/g, '-')}`;

const seconds = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z');
