import { differences, type Difference, type Service } from './difference.js';

const service = (name: string, more: { metadata?: object; spec?: object; status?: object } = {}): Service => ({
  apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: '7', ...more.metadata },
  spec: { type: 'ClusterIP', clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], ipFamilies: ['IPv4'], ports: [{ port: 80, protocol: 'TCP' }], ...more.spec }, status: { loadBalancer: {}, ...more.status },
});
const owners = [{ manager: 'kubectl', operation: 'Update' }];
const a = service('a');
const short = (found: Difference[]): unknown[] => found.map((difference) => ('paths' in difference ? [difference.kind, difference.key, ...difference.paths] : 'why' in difference ? [difference.kind, difference.key, difference.why] : [difference.kind, difference.key]));

describe('what a live cluster and the ledger do not agree on', () => {
  it.each<[what: string, live: unknown[], ledger: Service[], found: unknown[]]>([
    ['nothing', [a], [a], []],
    ['both empty', [], [], []],
    ['other revisions, another order of members', [{ status: { loadBalancer: {} }, spec: a['spec'], metadata: { uid: 'uid-a', name: 'a', namespace: 'shop', resourceVersion: '99' } }], [a], []],
    ['owners on one side only', [a], [service('a', { metadata: { managedFields: owners } })], []],
    ['no kind on one side', [{ metadata: a.metadata, spec: a['spec'], status: a['status'] }], [a], []],
    ['the same thing twice', [a, a], [a], []],
    ['one that is not here', [a, service('b')], [a], [['missing', 'shop/b']]],
    ['one that is not there', [a], [a, service('b')], [['surplus', 'shop/b']]],
    ['another uid', [service('a', { metadata: { uid: 'new' } })], [a], [['replaced', 'shop/a']]],
    ['an address', [service('a', { spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] } })], [a], [['differs', 'shop/a', 'spec.clusterIP: "10.96.0.9" there, "10.96.0.7" here', 'spec.clusterIPs[0]: "10.96.0.9" there, "10.96.0.7" here']]],
    ['a second family', [service('a', { spec: { clusterIPs: ['10.96.0.7', 'fd00::7'] } })], [a], [['differs', 'shop/a', 'spec.clusterIPs: ["10.96.0.7","fd00::7"] there, ["10.96.0.7"] here']]],
    ['a node port', [service('a', { spec: { ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] } })], [a], [['differs', 'shop/a', 'spec.ports[0].nodePort: 30080 there, nothing here']]],
    ['owners on both sides', [service('a', { metadata: { managedFields: owners } })], [service('a', { metadata: { managedFields: [] } })], [['differs', 'shop/a', expect.stringMatching(/^metadata\.managedFields: /)]]],
    ['many fields', [service('a', { metadata: { labels: Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((i) => [`l${i}`, 'x'])) }, spec: { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 } })], [a], [['differs', 'shop/a', expect.stringMatching(/^metadata\.labels: /), 'spec.a: 1 there, nothing here', 'spec.b: 1 there, nothing here', 'spec.c: 1 there, nothing here', 'spec.d: 1 there, nothing here', 'and 2 more']]],
    ['two things of one name', [a, service('a', { spec: { type: 'NodePort' } }), a], [a], [['unclear', 'shop/a', 'it is there twice, and not the same']]],
    ['no uid', [{ metadata: { namespace: 'shop', name: 'b' } }, 7], [], [['unclear', 'item 1', expect.stringMatching(/no metadata\.namespace/)], ['unclear', 'item 2', expect.stringMatching(/no metadata\.namespace/)]]],
    ['everything, in order of name', [service('d'), service('b', { metadata: { uid: 'x' } })], [service('c'), service('b')], [['replaced', 'shop/b'], ['surplus', 'shop/c'], ['missing', 'shop/d']]],
  ])('%s', (_, live, ledger, found) => expect(short(differences(live, ledger))).toEqual(found));

  it('keeps the owners that a dump does not tell', () => {
    const [found] = differences([service('a', { spec: { type: 'NodePort' } })], [service('a', { metadata: { managedFields: owners } })]);
    expect(found).toMatchObject({ kind: 'differs', live: { spec: { type: 'NodePort' }, metadata: { managedFields: owners } } });
  });
});
