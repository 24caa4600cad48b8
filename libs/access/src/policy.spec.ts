import { anonymous, may, mayInCluster, type Grant, type Identity, type Need } from './policy.js';
import { forbiddenText, ruleOf } from './routes.js';

const who = (...grants: (Partial<Grant> & Pick<Grant, 'role'>)[]): Identity =>
  ({ user: 'u', actor: 'u', groups: [], grants: grants.map((grant) => ({ clusters: null, namespaces: null, ...grant })) });
const people: Record<string, Identity> = {
  nobody: who(),
  reader: who({ role: 'reader' }),
  'reader of prod': who({ role: 'reader', clusters: ['prod'] }),
  'reader of prod/a': who({ role: 'reader', clusters: ['prod'], namespaces: ['a'] }),
  allocator: who({ role: 'allocator' }),
  'allocator of prod/a': who({ role: 'allocator', clusters: ['prod'], namespaces: ['a'] }),
  'allocator of dev-*/team-*': who({ role: 'allocator', clusters: ['dev-*'], namespaces: ['team-*'] }),
  'admin of prod': who({ role: 'admin', clusters: ['prod'] }),
  admin: who({ role: 'admin' }),
  anonymous,
};
const everyone = Object.keys(people);
const all = (...names: string[]): string[] => names;

describe('what each may do, by route', () => {
  const inA = { cluster: 'prod', namespace: 'a', name: 's' };
  it.each<[method: string, route: string, names: object, who: string[]]>([
    ['GET', '/livez', {}, everyone],
    ['GET', '/', {}, everyone],
    ['GET', '/docs', {}, everyone],
    ['GET', '/asyncapi.yaml', {}, everyone],
    ['GET', '/schemas/:file', {}, everyone],
    ['GET', '/metrics', {}, all('reader', 'allocator', 'admin', 'anonymous')],
    ['GET', '/v1/clusters', {}, everyone],
    ['POST', '/v1/clusters', {}, all('admin', 'anonymous')],
    ['GET', '/v1/clusters/:cluster', { cluster: 'prod' }, everyone.filter((name) => !['nobody', 'allocator of dev-*/team-*'].includes(name))],
    ['PUT', '/v1/clusters/:cluster', { cluster: 'prod' }, all('admin of prod', 'admin', 'anonymous')],
    ['PUT', '/v1/clusters/:cluster', { cluster: 'dev-1' }, all('admin', 'anonymous')],
    ['POST', '/v1/clusters/:cluster/reservations/:name/confirm', { cluster: 'prod' }, all('allocator', 'admin of prod', 'admin', 'anonymous')],
    ['POST', '/v1/clusters/:cluster/cidrs::drain', { cluster: 'prod' }, all('admin of prod', 'admin', 'anonymous')],
    ['GET', '/v1/clusters/:cluster/events', { cluster: 'prod' }, all('reader', 'reader of prod', 'allocator', 'admin of prod', 'admin', 'anonymous')],
    ['POST', '/v1/clusters/:cluster/services::batch', { cluster: 'prod' }, all('allocator', 'admin of prod', 'admin', 'anonymous')],
    ['GET', '/v1/lb-pools', {}, everyone.filter((name) => name !== 'nobody')],
    ['POST', '/v1/lb-pools', {}, all('admin of prod', 'admin', 'anonymous')],
    ['PUT', '/v1/lb-pools/:pool', {}, all('admin of prod', 'admin', 'anonymous')],
    ['POST', '/v1/lb-pools/:pool/addresses::drain', {}, all('admin of prod', 'admin', 'anonymous')],
    ['DELETE', '/v1/lb-pools/:pool/reservations/:name', {}, all('admin of prod', 'admin', 'anonymous')],
    ['GET', '/v1/lb-pools/:pool/events', {}, all('reader', 'allocator', 'admin', 'anonymous')],
    ['PUT', '/v1/clusters/:cluster/load-balancing', { cluster: 'prod' }, all('admin of prod', 'admin', 'anonymous')],
    ['GET', '/v1/stats/pools', {}, all('reader', 'allocator', 'admin', 'anonymous')],
    ['GET', '/v1/stats/clusters/:cluster', { cluster: 'prod' }, all('reader', 'reader of prod', 'allocator', 'admin of prod', 'admin', 'anonymous')],
    ['POST', '/never/heard/of', {}, all('admin', 'anonymous')],
    ['GET', '/clusters/:cluster/version', { cluster: 'prod' }, everyone],
    ['GET', '/clusters/:cluster/apis/networking.k8s.io/v1', { cluster: 'prod' }, everyone],
    ['POST', '/clusters/:cluster/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { cluster: 'prod' }, everyone],
    ['GET', '/clusters/:cluster/api/v1/namespaces/:namespace', inA, everyone],
    ['GET', '/clusters/:cluster/apis/networking.k8s.io/v1/ipaddresses', { cluster: 'prod' }, all('reader', 'reader of prod', 'allocator', 'admin of prod', 'admin', 'anonymous')],
    ['GET', '/clusters/:cluster/api/v1/services', { cluster: 'prod' }, all('reader', 'reader of prod', 'allocator', 'admin of prod', 'admin', 'anonymous')],
    ['GET', '/clusters/:cluster/api/v1/namespaces/:namespace/services/:name', inA, all('reader', 'reader of prod', 'reader of prod/a', 'allocator', 'allocator of prod/a', 'admin of prod', 'admin', 'anonymous')],
    ['POST', '/clusters/:cluster/api/v1/namespaces/:namespace/services', inA, all('allocator', 'allocator of prod/a', 'admin of prod', 'admin', 'anonymous')],
    ['DELETE', '/clusters/:cluster/api/v1/namespaces/:namespace/services', inA, all('allocator', 'allocator of prod/a', 'admin of prod', 'admin', 'anonymous')],
    ['PATCH', '/clusters/:cluster/api/v1/namespaces/:namespace/services/:name/status', { ...inA, namespace: 'b' }, all('allocator', 'admin of prod', 'admin', 'anonymous')],
    ['PUT', '/clusters/:cluster/api/v1/namespaces/:namespace/services/:name', { cluster: 'dev-1', namespace: 'team-x', name: 's' }, all('allocator', 'allocator of dev-*/team-*', 'admin', 'anonymous')],
    ['PUT', '/clusters/:cluster/api/v1/namespaces/:namespace/services/:name', { cluster: 'dev', namespace: 'team-x', name: 's' }, all('allocator', 'admin', 'anonymous')],
  ])('%s %s %j', (method, route, names, expected) => {
    const rule = ruleOf(method, route);
    expect(everyone.filter((name) => may(people[name]!, rule.need, names))).toEqual(expected);
  });
});

it('refuses what reaches for a cluster that the request does not name', () => {
  const need: Need = { role: 'reader', reach: 'cluster' };
  expect(may(people['reader of prod']!, need, {})).toBe(false);
  expect(may(people['reader']!, need, {})).toBe(true);
});

it.each([
  ['get', '', 'services', '', 'a', true],
  ['create', '', 'services', '', 'a', true],
  ['create', '', 'services', '', 'b', false],
  ['create', '', 'services', '', '', false],
  ['update', '', 'services', 'status', 'a', true],
  ['update', '', 'services', 'proxy', 'a', false],
  ['*', '', 'services', '', 'a', false],
  ['create', '', 'pods', '', 'a', false],
  ['create', 'authentication.k8s.io', 'selfsubjectreviews', '', '', true],
  ['list', '', 'namespaces', '', '', true],
])('an allocator of prod/a: may it %s %s/%s/%s in "%s"? %s', (verb, group, resource, subresource, namespace, expected) => {
  expect(mayInCluster(people['allocator of prod/a']!, 'prod', { verb, group, resource, subresource, namespace })).toBe(expected);
  expect(mayInCluster(people['nobody']!, 'prod', { verb, group, resource, subresource, namespace })).toBe(expected && (verb === 'list' || group !== ''));
});

it.each<[method: string, route: string, names: object, isWatch: boolean, text: string]>([
  ['POST', '/clusters/:cluster/api/v1/namespaces/:namespace/services', { cluster: 'c', namespace: 'ns' }, false, 'User "u" cannot create resource "services" in API group "" in the namespace "ns"'],
  ['GET', '/clusters/:cluster/api/v1/services', { cluster: 'c' }, true, 'User "u" cannot watch resource "services" in API group "" at the cluster scope'],
  ['PUT', '/clusters/:cluster/api/v1/namespaces/:namespace/services/:name/status', { cluster: 'c', namespace: 'ns', name: 's' }, false, 'User "u" cannot update resource "services/status" in API group "" in the namespace "ns"'],
  ['GET', '/clusters/:cluster/apis/networking.k8s.io/v1/servicecidrs/:name', { cluster: 'c', name: 'x' }, false, 'User "u" cannot get resource "servicecidrs" in API group "networking.k8s.io" at the cluster scope'],
  ['GET', '/metrics', {}, false, 'User "u" cannot get path "/p"'],
])('says why %s %s is refused as upstream does', (method, route, names, isWatch, text) =>
  expect(forbiddenText(who(), ruleOf(method, route), names, { method, path: '/p', isWatch })).toBe(text));
