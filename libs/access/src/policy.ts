/**
 * Who may do what: a pure table. Three roles, each of which may do what the one before it may:
 * `reader` reads, `allocator` also changes Services, `admin` also changes clusters.
 */
export type Role = 'reader' | 'allocator' | 'admin';
export const roles: readonly Role[] = ['reader', 'allocator', 'admin'];

/** A role, and where it holds. Names are exact, or end in `*` and mean all that begin so; null = everywhere. */
export interface Grant {
  role: Role;
  clusters: readonly string[] | null;
  namespaces: readonly string[] | null;
}

/** Whoever sent a request. `actor` is what the log remembers; null when authentication is off. */
export interface Identity {
  /** For texts and limits; `system:anonymous` when authentication is off. */
  user: string;
  actor: string | null;
  groups: readonly string[];
  grants: readonly Grant[];
}

/** Everybody, when authentication is off. */
export const anonymous: Identity = {
  user: 'system:anonymous', actor: null, groups: ['system:unauthenticated'], grants: [{ role: 'admin', clusters: null, namespaces: null }],
};

/** The process, where it uses its own API. */
export const itself: Identity = { ...anonymous, user: 'system:ipledger', actor: 'system:ipledger', groups: [] };

/**
 * How far a grant must reach:
 * `namespace`: the namespace; `cluster`: the whole cluster; `part`: the cluster, or some namespace of it; `everything`: all clusters;
 * `somewhere`: anywhere, where only the handler can find out what the request is about, and then asks for more.
 */
export type Reach = 'namespace' | 'cluster' | 'part' | 'everything' | 'somewhere';

/** What a request needs: `everyone` = no credentials; `authenticated` = any identity, whatever its grants. */
export type Need = 'everyone' | 'authenticated' | { role: Role; reach: Reach };

/** @param where the cluster and namespace that the request names; a need that reaches for one that is missing is refused */
export const may = (identity: Identity, need: Need, where: { cluster?: string; namespace?: string }): boolean =>
  typeof need === 'string' || identity.grants.some((grant) => covers(grant, need.role) && reaches(grant, need.reach, where));

const covers = (grant: Grant, role: Role): boolean => roles.indexOf(grant.role) >= roles.indexOf(role);

const reaches = ({ clusters, namespaces }: Grant, reach: Reach, { cluster, namespace }: { cluster?: string; namespace?: string }): boolean => {
  if (reach === 'somewhere') return true;
  if (reach === 'everything') return clusters === null && namespaces === null;
  if (!includes(clusters, cluster)) return false;
  return reach === 'part' || (reach === 'cluster' ? namespaces === null : includes(namespaces, namespace));
};

const includes = (names: readonly string[] | null, name: string | undefined): boolean =>
  names === null || (name !== undefined && names.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name)));

/** What Kubernetes calls the attributes of a request inside a cluster. `namespace` "" = all namespaces, or none. */
export interface Attributes {
  verb: string;
  group: string;
  resource: string;
  /** "" = the resource itself. */
  subresource: string;
  namespace: string;
}

const readVerbs = ['get', 'list', 'watch'];
const changeVerbs = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/** Whether an identity may do something to a resource of a cluster; what is not served here, an admin of the cluster alone may. */
export const mayInCluster = (identity: Identity, cluster: string, asked: Attributes): boolean =>
  may(identity, needInCluster(asked), { cluster, ...(asked.namespace !== '' && { namespace: asked.namespace }) });

/** Whether the namespace is there or not decides how far the need reaches; which one it is does not. */
export const needInCluster = ({ verb, group, resource, subresource, namespace }: Attributes): Need => {
  const reach = namespace === '' ? 'cluster' : 'namespace';
  const key = `${group}/${resource}`;
  if (selfReviews.includes(key) && verb === 'create') return 'authenticated';
  if (key === '/namespaces' && subresource === '' && ['get', 'list'].includes(verb)) return 'authenticated';
  if (key === '/services' && ['', 'status'].includes(subresource)) {
    if (readVerbs.includes(verb)) return { role: 'reader', reach };
    if (changeVerbs.includes(verb)) return { role: 'allocator', reach };
  }
  if (readable.includes(key) && readVerbs.includes(verb)) return { role: 'reader', reach };
  return { role: 'admin', reach: 'cluster' };
};

const selfReviews = [
  'authentication.k8s.io/selfsubjectreviews', 'authorization.k8s.io/selfsubjectaccessreviews', 'authorization.k8s.io/selfsubjectrulesreviews',
];
const readable = ['/events', 'events.k8s.io/events', 'networking.k8s.io/ipaddresses', 'networking.k8s.io/servicecidrs'];
