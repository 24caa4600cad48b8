/** What a cluster serves, said once: the discovery documents, the OpenAPI documents and the answers to wrong paths follow from it. */
export interface Resource {
  /** Plural, as in paths. */
  name: string;
  singular: string;
  kind: string;
  namespaced: boolean;
  verbs: readonly Verb[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  subresources?: readonly { name: string; verbs: readonly Verb[] }[];
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export interface Group {
  /** "" is the core group, which lives under `/api`. */
  name: string;
  version: 'v1';
  resources: readonly Resource[];
}

const review = (kind: string): Resource => ({ name: `${kind.toLowerCase()}s`, singular: kind.toLowerCase(), kind, namespaced: false, verbs: ['create'] });

/**
 * Namespaces and Kubernetes Events are answered too (clients ask for them by path), but not discovered: a namespace is just
 * a name here, and what happened stands in the log.
 */
export const groups: readonly Group[] = [
  {
    name: '', version: 'v1',
    resources: [{
      name: 'services', singular: 'service', kind: 'Service', namespaced: true, shortNames: ['svc'], categories: ['all'],
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      subresources: [{ name: 'status', verbs: ['get', 'patch', 'update'] }],
    }],
  },
  {
    name: 'networking.k8s.io', version: 'v1',
    resources: [
      { name: 'ipaddresses', singular: 'ipaddress', kind: 'IPAddress', namespaced: false, verbs: ['get', 'list'], shortNames: ['ip'] },
      { name: 'servicecidrs', singular: 'servicecidr', kind: 'ServiceCIDR', namespaced: false, verbs: ['get', 'list'] },
    ],
  },
  { name: 'authentication.k8s.io', version: 'v1', resources: [review('SelfSubjectReview')] },
  { name: 'authorization.k8s.io', version: 'v1', resources: [review('SelfSubjectAccessReview'), review('SelfSubjectRulesReview')] },
];

export const groupVersion = ({ name, version }: Group): string => (name === '' ? version : `${name}/${version}`);

/** The path of a group version, from the root of a cluster. */
export const groupPath = (group: Group): string => `/${group.name === '' ? 'api' : 'apis'}/${groupVersion(group)}`;

/** Paths of a resource from the root of a cluster, with OpenAPI's placeholders. */
export const resourcePaths = (group: Group, { name, namespaced }: Resource): { all: string; collection: string; item: string } => {
  const all = `${groupPath(group)}/${name}`;
  const collection = namespaced ? `${groupPath(group)}/namespaces/{namespace}/${name}` : all;
  return { all, collection, item: `${collection}/{name}` };
};
