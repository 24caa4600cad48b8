import fc from 'fast-check';
import type { Command } from '../commands.js';
import type { ServiceSpec } from '../service.js';
import {
  addCidr, configurePool, create, declare, declareNetwork, drainCidr, orderTime, patch, register, releaseReservation, remove, removeCidr, removeCluster, replace, reserve, service, topUp,
} from './commands.js';

/**
 * Random commands over few names and small pools, so that they meet: addresses run out, names exist, types change, ranges come
 * and go. Many are refused, which is as it should be.
 */
const name = fc.constantFrom('a', 'b', 'c', 'd');
const seed = fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat());
/** Some outside every range, some the network address of one. */
const address4 = fc.nat(17).map((n) => `10.0.0.${n}`);
const address6 = fc.nat(17).map((n) => `fd00::${n.toString(16)}`);
const nodePort = fc.option(fc.integer({ min: 30999, max: 31003 }), { nil: undefined, freq: 2 });
const policy = fc.constantFrom(undefined, undefined, 'SingleStack', 'PreferDualStack', 'PreferDualStack', 'RequireDualStack');
const ipFamilies = fc.constantFrom<string[] | undefined>(undefined, undefined, undefined, undefined, ['IPv4'], ['IPv6'], ['IPv4', 'IPv6'], ['IPv6', 'IPv4']);
const clusterIPs: fc.Arbitrary<string[] | undefined> = fc.oneof(
  { weight: 9, arbitrary: fc.constant(undefined) },
  fc.constant<string[]>(['None']), address4.map((text) => [text]), address6.map((text) => [text]),
  fc.tuple(address4, address6).map((pair): string[] => pair), fc.tuple(address6, address4).map((pair): string[] => pair),
);
const portList = fc.array(fc.record({ port: fc.constantFrom(53, 80), protocol: fc.constantFrom('TCP', 'UDP'), nodePort }), { minLength: 1, maxLength: 3 })
  .map((list) => list.map((port, i) => ({ name: `p${i}`, targetPort: 0, ...port })));

const spec: fc.Arbitrary<Partial<ServiceSpec>> = fc.record({
  type: fc.constantFrom('ClusterIP', 'ClusterIP', 'ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  ports: portList, ipFamilyPolicy: policy, ipFamilies, clusterIPs,
  selector: fc.constantFrom<ServiceSpec['selector']>({ app: 'web' }, undefined),
  externalTrafficPolicy: fc.constantFrom(undefined, undefined, 'Local'),
}).map(({ type, ports, clusterIPs: list, ipFamilyPolicy, ipFamilies: wanted, externalTrafficPolicy, ...rest }): Partial<ServiceSpec> => {
  // Mostly what could be accepted: a rule that refuses has its own specs.
  if (type === 'ExternalName') return { type, externalName: 'db.example.com', ports, ...rest };
  const open = type !== 'ClusterIP';
  return {
    type, ipFamilyPolicy, ipFamilies: wanted, ...(list && { clusterIP: list[0], clusterIPs: list }),
    ports: open ? ports : ports.map((port) => ({ ...port, nodePort: undefined })), ...(open && { externalTrafficPolicy }), ...rest,
  };
});
/** Names a reservation, breaks cool-downs, or neither. */
const annotations = fc.constantFrom<Record<string, string> | undefined>(undefined, undefined, undefined, { 'ipledger/reservation': 'r' }, { 'ipledger/break-cool-down': 'true' });
const finalizers = fc.constantFrom<string[] | undefined>(undefined, undefined, undefined, ['a.b/c']);
const reservationName = fc.constantFrom('r', 's');
const dryRun = fc.nat(9).map((n) => n === 0);

const specChange = fc.oneof(
  policy.map((ipFamilyPolicy) => ({ ipFamilyPolicy: ipFamilyPolicy ?? null })),
  ipFamilies.map((list) => ({ ipFamilies: list ?? null })),
  clusterIPs.map((list) => ({ clusterIPs: list ?? null, ...(list && { clusterIP: list[0] }) })),
  fc.constantFrom({ type: 'ClusterIP', externalName: null }, { type: 'NodePort' }, { type: 'LoadBalancer' }, { type: 'ExternalName', externalName: 'db.example.com' }),
  fc.constantFrom({ externalTrafficPolicy: 'Local' }, { externalTrafficPolicy: 'Cluster' }, { clusterIP: 'None' }, { selector: null }),
  portList.map((ports) => ({ ports })),
);

const serviceCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, spec, finalizers, annotations, seed, dryRun).map(([n, s, f, notes, words, dry]) => create(service(n, s, { finalizers: f, annotations: notes }), { seed: words, dryRun: dry })) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('d', 'e'), reservationName, seed, dryRun).map(([n, reservation, words, dry]) => ({ ...create(service(n), { seed: words, dryRun: dry }), reservation })) },
  { weight: 3, arbitrary: fc.tuple(name, spec, seed, dryRun).map(([n, s, words, dry]) => replace(service(n, s), { seed: words, dryRun: dry })) },
  { weight: 6, arbitrary: fc.tuple(name, specChange, seed, dryRun).map(([n, s, words, dry]) => patch(n, { spec: s }, { seed: words, dryRun: dry })) },
  { weight: 1, arbitrary: fc.tuple(name, fc.constantFrom('status' as const, undefined)).map(([n, subresource]) => patch(n, { metadata: { finalizers: null } }, { subresource })) },
  fc.tuple(name, seed, dryRun).map(([n, words, dry]) => topUp(n, { seed: words, dryRun: dry })),
  { weight: 3, arbitrary: fc.tuple(name, fc.constantFrom(undefined, undefined, 'Foreground', 'Background'), dryRun).map(([n, propagationPolicy, dry]) => remove(n, { propagationPolicy }, { dryRun: dry })) },
);

/** The last two are large enough to have a static band. */
const [left, right, both, other4, six, tiny4, wide4, wide6] = ['10.0.0.0/29', '10.0.0.8/29', '10.0.0.0/28', '10.0.1.0/29', 'fd00::/124', '10.0.0.0/30', '10.0.0.0/27', 'fd00::/123'] as const;
const ranges = fc.constantFrom([left], [six], [left, six], [six, left], [both], [both, six], [left, right, six], [six, other4, left], [tiny4], [tiny4, six], [wide4, six], [wide6, left], [wide4, wide6]);
const cidr = fc.constantFrom(left, right, both, other4, six, wide6);
const registration = ranges.chain((list) => fc.boolean().map((apiServerService) => register(list, { nodePortRange: '31000-31002', apiServerService })));
const clusterCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(ranges, fc.boolean()).map(([list, keepInUse]) => declare(list, { keepInUse })) },
  { weight: 2, arbitrary: cidr.map((text) => addCidr(text)) }, cidr.map((text) => drainCidr(text)), cidr.map((text) => removeCidr(text)),
  // A registration counts after a removal only; then the revisions go on.
  fc.constant(removeCluster()), registration,
);

const heldBackCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.constantFrom(declareNetwork(['10.244.0.0/16'], []), declareNetwork([], ['192.168.0.0/24'])),
  { weight: 2, arbitrary: fc.tuple(cidr, fc.constantFrom(undefined, 0, 3), fc.constantFrom(undefined, 60)).map(([text, staticBandAddresses, coolDownSeconds]) => configurePool(text, { ...(staticBandAddresses !== undefined && { staticBandAddresses }), ...(coolDownSeconds && { coolDownSeconds }) })) },
  { weight: 4, arbitrary: fc.tuple(reservationName, fc.oneof(address4, address6, fc.constantFrom('IPv4', 'IPv6', '10.0.0.2-10.0.0.4', 'fd00::2-fd00::9')), fc.constantFrom(null, new Date(orderTime.getTime() + 30_000).toISOString()), seed).map(([n, wanted, until, words]) => reserve(n, wanted, { until, seed: words })) },
  { weight: 3, arbitrary: reservationName.map((n) => releaseReservation(n)) },
);

/** Mostly there: without these, most updates would find nothing to update. */
const firstServices = fc.record({ type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'), ports: portList, words: seed, withFinalizers: fc.nat(5), count: fc.constantFrom(3, 3, 3, 0) })
  .map(({ type, ports, words, withFinalizers, count }) => [
    create(service('a', { ipFamilyPolicy: 'PreferDualStack' }, withFinalizers === 0 ? { finalizers: ['a.b/c'] } : {}), { seed: words }),
    create(service('b', { type, ports: ports.map((port) => ({ ...port, nodePort: undefined })) }), { seed: [words[0] + 1, words[1], words[2], words[3]] }),
    create(service('c', { type, ports: [{ port: 80, targetPort: 0 }], externalTrafficPolicy: type === 'LoadBalancer' ? 'Local' : undefined }), { seed: [words[0] + 2, words[1], words[2], words[3]] }),
  ].slice(0, count));

/** A registration, mostly three Services, then whatever comes. */
export const history: fc.Arbitrary<Command[]> = fc
  .tuple(registration, firstServices, fc.array(fc.oneof({ weight: 7, arbitrary: serviceCommand }, { weight: 1, arbitrary: clusterCommand }, { weight: 2, arbitrary: heldBackCommand }), { minLength: 4, maxLength: 12, size: 'max' }))
  .map(([first, services, rest]) => [first, ...services, ...rest])
  // Ten seconds apart: what is held back for half a minute, or a minute, ends within a history.
  .map((commands) => commands.map((command, i) => ({ ...command, time: new Date(orderTime.getTime() + i * 10_000) })));
