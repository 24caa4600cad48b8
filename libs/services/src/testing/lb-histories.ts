import fc from 'fast-check';
import type { Command } from '../commands.js';
import type { LbPoolSettings } from '../load-balancer/commands.js';
import type { ServiceSpec } from '../service.js';
import { create, orderTime, patch, register, remove, reserve, topUp } from './commands.js';
import { assign, attach, claim, declareDefault, drainLbPool, lbPool, lbRequest, lbService, releaseClaim, removeLbPool } from './lb-commands.js';

/** Random commands about LB pools: few Services, few addresses, so that pools are full, keys meet and ports collide. */
const name = fc.constantFrom('a', 'b', 'c', 'd');
const seed = fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat());
const [left4, right4, left6, right6] = ['203.0.113.0/31', '203.0.113.4-203.0.113.6', '2001:db8::/127', '2001:db8::10-2001:db8::12'] as const;
const addresses = fc.constantFrom([left4], [left4, left6], [right4, right6], [right6], [left6, right4]);
const key = fc.constantFrom(undefined, 'k', 'k', 'k', 'l');
const ips = fc.constantFrom(undefined, undefined, undefined, undefined, '203.0.113.0', '203.0.113.5,2001:db8::11', '2001:db8::1', 'none', '10.0.0.7');
const poolName = fc.constantFrom(undefined, undefined, undefined, undefined, 'p', 'q');
const portList = fc.constantFrom([{ port: 80 }], [{ port: 443 }], [{ port: 80, name: 'a' }, { port: 53, protocol: 'UDP', name: 'b' }], [{ port: 53, protocol: 'TCP' }]);
const annotations = fc.tuple(key, ips, poolName).map(([k, i, p]) => ({
  ...(k !== undefined && { 'ipledger.io/sharing-key': k }), ...(i !== undefined && { 'ipledger.io/load-balancer-ips': i }), ...(p !== undefined && { 'ipledger.io/load-balancer-pool': p }),
}));
const spec: fc.Arbitrary<Partial<ServiceSpec>> = fc.record({
  ports: portList.map((list) => list.map((port) => ({ targetPort: 0, ...port }))),
  ipFamilyPolicy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'),
  loadBalancerClass: fc.constantFrom('ipledger.io/pool', 'ipledger.io/pool', 'ipledger.io/pool', undefined, 'other.io/lb'),
  externalTrafficPolicy: fc.constantFrom(undefined, undefined, 'Local'),
}).chain((made) => fc.constantFrom(...(made.ipFamilyPolicy === 'SingleStack' ? [['IPv4'], ['IPv6']] : [['IPv4', 'IPv6'], ['IPv6', 'IPv4']])).map((ipFamilies) => ({ ...made, ipFamilies })));

const settings: fc.Arbitrary<Partial<LbPoolSettings>> = fc.record({
  autoAssign: fc.constantFrom(true, true, true, false), priority: fc.nat(2), coolDownSeconds: fc.constantFrom(0, 0, 60), selector: fc.constantFrom(null, null, 'tier=front'),
  namespaces: fc.constantFrom<string[]>([], [], ['shop'], ['other']), staticBandAddresses: fc.constantFrom(0, 1),
});
const change = fc.oneof(
  { weight: 3, arbitrary: annotations.map((notes) => ({ metadata: { annotations: { 'ipledger.io/sharing-key': null, 'ipledger.io/load-balancer-ips': null, 'ipledger.io/load-balancer-pool': null, ...notes } } })) },
  { weight: 2, arbitrary: fc.constantFrom({ spec: { type: 'ClusterIP', loadBalancerClass: null } }, { spec: { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool' } }, { spec: { type: 'LoadBalancer' } }) },
  { weight: 2, arbitrary: fc.constantFrom({ spec: { ipFamilyPolicy: 'SingleStack' } }, { spec: { ipFamilyPolicy: 'RequireDualStack' } }, { spec: { ipFamilyPolicy: 'PreferDualStack' } }) },
  portList.map((ports) => ({ spec: { ports } })), fc.constantFrom({ metadata: { labels: { tier: 'front' } } }, { metadata: { labels: null } }, { metadata: { finalizers: null } }, { spec: { externalTrafficPolicy: 'Local' } }),
);

const serviceCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, spec, annotations, seed, fc.nat(8), fc.nat(9)).map(([n, s, notes, words, hold, dry]) => create(lbService(n, s, { annotations: notes, ...(hold === 0 && { finalizers: ['a.b/c'] }) }), { seed: words, dryRun: dry === 0 })) },
  { weight: 7, arbitrary: fc.tuple(name, change, seed).map(([n, what, words]) => patch(n, what, { seed: words })) },
  { weight: 3, arbitrary: name.map((n) => remove(n)) },
  { weight: 3, arbitrary: fc.tuple(name, seed).map(([n, words]) => assign(n, { seed: words })) },
  fc.tuple(name, seed).map(([n, words]) => topUp(n, { seed: words })),
  name.map((n) => patch(n, { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] }, conditions: [] } }, { subresource: 'status' })),
  // The wait is put right by whoever runs the history: it cannot be known here.
  { weight: 3, arbitrary: fc.tuple(name, fc.constantFrom(['198.51.100.1'], ['2001:db8:1::1'], ['198.51.100.1', '2001:db8:1::1'])).map(([n, list]) => attach(n, 0, list)) },
);
const poolCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('p', 'q'), addresses, settings, fc.constantFrom<'refuse' | 'replace'>('refuse', 'replace')).map(([n, list, more, existing]) => lbPool(n, list, { ...more, existing })) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('p', 'q'), fc.constantFrom(null, left4, right6), fc.boolean()).map(([n, range, drain]) => drainLbPool(n, range, drain)) },
  fc.constantFrom('p', 'q').map((n) => removeLbPool(n)), fc.boolean().map((is) => declareDefault(is)),
  fc.constantFrom({ ...reserve('r', '203.0.113.0'), lbPool: 'p' }, { ...reserve('s', '203.0.113.4-203.0.113.6'), lbPool: 'q' }),
);
const timed = (commands: Command[]): Command[] => commands.map((command, i) => ({ ...command, time: new Date(orderTime.getTime() + i * 10_000) }));

/** A dual-stack cluster with two pools, three Services, then whatever comes. */
export const lbHistory: fc.Arbitrary<Command[]> = fc.tuple(
  fc.tuple(settings, settings), fc.array(fc.tuple(spec, annotations, seed), { minLength: 3, maxLength: 3 }),
  fc.array(fc.oneof({ weight: 5, arbitrary: serviceCommand }, { weight: 1, arbitrary: poolCommand }), { minLength: 4, maxLength: 14, size: 'max' }),
).map(([[p, q], first, rest]) => timed([
  register(['10.0.0.0/27', 'fd00::/120']), lbPool('p', [left4, left6], p), lbPool('q', [right4, right6], q),
  ...first.map(([s, notes, words], i) => create(lbService(['a', 'b', 'c'][i] ?? 'd', s, { annotations: notes }), { seed: words })), ...rest,
]));

const request = fc.tuple(name, fc.constantFrom(['IPv4'] as const, ['IPv6'] as const, ['IPv4', 'IPv6'] as const), fc.boolean(), key, fc.constantFrom(['TCP/80'], ['TCP/443'], ['TCP/80', 'UDP/53']), fc.constantFrom('', '', '[]'), fc.constantFrom('', '', '-new'))
  .map(([n, families, needsAll, sharingKey, ports, backend, again]) => lbRequest(n, families, {
    needsAll, service: { namespace: 'shop', name: n, uid: `uid-${n}${again}` }, ...(sharingKey !== undefined && { sharingKey, ports, backend }),
  }));

/** The log of a shared pool of two clusters. The revisions of releases are put right by whoever runs the history. */
export const sharedHistory: fc.Arbitrary<Command[]> = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('blue', 'green'), request, fc.integer({ min: 1, max: 99 }), seed).map(([cluster, of, wait, words]): Command => claim(cluster, of, wait, { seed: words })) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('blue', 'green'), name).map(([cluster, n]): Command => releaseClaim(cluster, n, [])) },
), { minLength: 4, maxLength: 16, size: 'max' }).map((rest) => timed([lbPool('wide', [left4, left6, right4], { clusters: 'all', coolDownSeconds: 30 }), ...rest]));
