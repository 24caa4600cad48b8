import { groups, groupVersion, type Group, type Resource, type Verb } from './resources.js';

/** The discovery documents of a cluster: the same for every cluster. @see spec kubectl.md 4; k8s.io/api/apidiscovery/v2 */

/** `/api` @param host of the request, which is where clients reach this process */
export const apiVersions = (host: string): object => ({
  kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: host }],
});

const groupView = (group: Group): object => {
  const version = { groupVersion: groupVersion(group), version: group.version };
  return { name: group.name, versions: [version], preferredVersion: version };
};

const namedGroups = groups.filter(({ name }) => name !== '');

/** `/apis` */
export const apiGroupList = (): object => ({ kind: 'APIGroupList', apiVersion: 'v1', groups: namedGroups.map(groupView) });

/** `/apis/{group}` */
export const apiGroup = (name: string): object | undefined => {
  const group = namedGroups.find((candidate) => candidate.name === name);
  return group && { kind: 'APIGroup', apiVersion: 'v1', ...groupView(group) };
};

/** `/api/v1`, `/apis/{group}/{version}` */
export const apiResourceList = (name: string, version: string): object | undefined => {
  const group = groups.find((candidate) => candidate.name === name && candidate.version === version);
  return group && { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersion(group), resources: group.resources.flatMap(resourceViews) };
};

const resourceViews = ({ name, singular, kind, namespaced, verbs, shortNames, categories, subresources = [] }: Resource): object[] => [
  { name, singularName: singular, namespaced, kind, verbs, ...(shortNames && { shortNames }), ...(categories && { categories }) },
  ...subresources.map((sub) => ({ name: `${name}/${sub.name}`, singularName: '', namespaced, kind, verbs: sub.verbs })),
];

/** `/api` or `/apis` in the aggregated form: everything in one answer. */
export const groupDiscoveryList = (root: 'api' | 'apis', version: 'v2' | 'v2beta1'): object => ({
  kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {},
  items: groups.filter(({ name }) => (name === '') === (root === 'api')).map((group) => ({
    metadata: group.name === '' ? {} : { name: group.name },
    versions: [{ version: group.version, resources: group.resources.map((resource) => discoveredResource(group, resource)), freshness: 'Current' }],
  })),
});

const discoveredResource = (group: Group, { name, singular, kind, namespaced, verbs, shortNames, categories, subresources }: Resource): object => {
  const responseKind = { group: group.name, version: group.version, kind };
  const subresource = (sub: { name: string; verbs: readonly Verb[] }) => ({ subresource: sub.name, responseKind, verbs: sub.verbs });
  return {
    resource: name, responseKind, scope: namespaced ? 'Namespaced' : 'Cluster', singularResource: singular, verbs,
    ...(shortNames && { shortNames }), ...(categories && { categories }), ...(subresources && { subresources: subresources.map(subresource) }),
  };
};

/** The Kubernetes release whose API this is: kubectl warns when its own is more than one minor away. */
export const kubernetesVersion = '1.37.2';

/** `/version` */
export const versionInfo = (version: string): object => {
  const [major, minor] = kubernetesVersion.split('.');
  const machine = { x64: 'amd64' }[process.arch as string] ?? process.arch;
  return {
    major, minor, gitVersion: `v${kubernetesVersion}+ipledger.${version}`, gitCommit: '', gitTreeState: 'clean', buildDate: '',
    goVersion: '', compiler: `node ${process.version}`, platform: `${process.platform}/${machine}`,
  };
};
