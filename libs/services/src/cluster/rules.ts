import { RangeSet, cidrCovers, cidrsOverlap, formatAddress, formatCidr, parseCidr, usableRange, type Cidr, type Family } from '@ipledger/ip';
import type { AddCidr, ClusterCommand, ConfigurePool, DeclareCidrs, DeclareClusterNetwork, DrainCidr, RegisterCluster, RemoveCidr, RemoveCluster } from '../commands.js';
import type { Accepted } from '../decision.js';
import { Draws } from '../draws.js';
import type { Event } from '../events.js';
import { claimLoadBalancer, releaseClaims } from '../load-balancer/claim.js';
import { configureLbPool, declareLoadBalancing, drainLbPool, removeLbPool } from '../load-balancer/pool-rules.js';
import { parseRange } from '../pool/pool.js';
import { refuse } from '../rejection.js';
import { releaseReservation, reserveAddresses } from '../reservation/rules.js';
import { prepareNew, trackNew } from '../service/create.js';
import { deletionEvents } from '../service/delete.js';
import { parseDocument } from '../service/document.js';
import type { ServiceObject } from '../service.js';
import { ClusterState } from '../state.js';
import { evolve } from '../evolve.js';
import {
  checkCidrs, cidrProblem, cidrsMax, clusterNameProblem, coolDownSecondsMax, defaultNodePortRange, portRangeProblem, type ClusterDefinition, type DefinitionProblem,
} from './definition.js';
import { networkProblems } from './network.js';

/**
 * Cluster commands: what a cluster is, and how its ranges change under the Services that are there.
 * @param kubernetes the document of `default/kubernetes`, which goes with its cluster; undefined when there is none
 */
export const decideCluster = (command: ClusterCommand, state: ClusterState, kubernetes: string | undefined): Accepted => {
  if (command.type === 'RegisterCluster') return register(command, state);
  if (command.type === 'ConfigureLbPool') return configureLbPool(command, state); // of a shared pool the first one begins its log
  const definition = state.definition ?? refuse({ code: 'cluster_not_found', cluster: command.name });
  switch (command.type) {
    case 'DeclareCidrs':
      return declare(command, definition, state);
    case 'AddCidr':
      return add(command, definition);
    case 'DrainCidr':
      return drain(command, definition, state);
    case 'RemoveCidr':
      return removeCidr(command, definition, state);
    case 'ConfigurePool':
      return configurePool(command, definition);
    case 'DeclareClusterNetwork':
      return declareNetwork(command, definition);
    case 'ReserveAddresses':
      return reserveAddresses(command, state);
    case 'ReleaseReservation':
      return releaseReservation(command, state);
    case 'DrainLbPool':
      return drainLbPool(command, state);
    case 'RemoveLbPool':
      return removeLbPool(command, state);
    case 'DeclareClusterLoadBalancing':
      return declareLoadBalancing(command, definition);
    case 'ClaimLoadBalancer':
      return claimLoadBalancer(command, state);
    case 'ReleaseLoadBalancer':
      return releaseClaims(command, state);
    case 'RemoveCluster':
      return removeCluster(command, state, kubernetes);
  }
};

const accepted = (command: ClusterCommand, status: 200 | 201, events: readonly Event[]): Accepted => ({
  outcome: 'accepted', events: command.dryRun ? [] : events, status, warnings: [],
});

const refuseProblems = (problems: readonly DefinitionProblem[]): void => {
  if (problems.length > 0) refuse({ code: 'cluster_invalid', problems });
};

const register = (command: RegisterCluster, state: ClusterState): Accepted => {
  const nodePortRange = command.nodePortRange ?? defaultNodePortRange;
  const checked = checkCidrs(command.serviceCIDRs);
  const problems = 'problems' in checked ? checked.problems : [];
  refuseProblems([
    ...problem('name', command.name, clusterNameProblem(command.name)),
    ...problems,
    ...problem('nodePortRange', nodePortRange, portRangeProblem(nodePortRange)),
  ]);
  if (state.definition !== null) refuse({ code: 'cluster_exists', cluster: command.name });
  const serviceCIDRs = 'cidrs' in checked ? checked.cidrs.map(formatCidr) : [];
  const registered: Event = {
    type: 'cluster.registered',
    data: { name: command.name, serviceCIDRs, nodePortRange, createdAt: command.time.toISOString(), ...(command.defaultLoadBalancer === true && { defaultLoadBalancer: true }) },
  };
  if (!command.apiServerService) return accepted(command, 201, [registered]);
  return accepted(command, 201, [registered, ...apiServerService(command, state.revision, registered)]);
};

const problem = (field: string, value: unknown, why: string | undefined): DefinitionProblem[] =>
  why === undefined ? [] : [{ field, value, why }];

/**
 * `default/kubernetes` on the first usable address of the primary range, as every API server makes it at its start.
 * @see pkg/controlplane/controller/kubernetesservice, Kubernetes v1.37.2
 */
const apiServerService = (command: RegisterCluster, revision: number, registered: Event): readonly Event[] => {
  const state = new ClusterState();
  evolve(state, registered, revision + 1);
  const pool = state.pools[0];
  if (pool === undefined) return [];
  const address = formatAddress({ family: pool.family, value: pool.usable.first });
  const service: ServiceObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP', clusterIP: address, clusterIPs: [address], ipFamilyPolicy: 'SingleStack', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster',
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: 6443 }],
    },
    status: { loadBalancer: {} },
  };
  const order = { namespace: 'default', newUid: command.newUid, time: command.time, dryRun: false, fieldManager: 'ipledger' };
  trackNew(service, order);
  return prepareNew(service, order, state, new Draws(command.seed)).events;
};

/**
 * The ranges anew: a second family, further CIDRs, fewer, another primary family. Held addresses may be left outside only
 * with `keepInUse`, which is what a kube-apiserver restarted with other ranges does (spec 2.4 rule 1, 2.7 U10 to U13, 3).
 */
const declare = (command: DeclareCidrs, definition: ClusterDefinition, state: ClusterState): Accepted => {
  const checked = checkCidrs(command.serviceCIDRs);
  if ('problems' in checked) return refuse({ code: 'cluster_invalid', problems: checked.problems });
  refuseLbOverlap(checked.cidrs, definition);
  const serviceCIDRs = checked.cidrs.map(formatCidr);
  const held = heldOutside(state, definition.serviceCIDRs, serviceCIDRs);
  if (!command.keepInUse) refuseHeld(command.name, held);
  const same = serviceCIDRs.length === definition.serviceCIDRs.length && serviceCIDRs.every((cidr, i) => cidr === definition.serviceCIDRs[i]);
  if (same && definition.draining.length === 0) return accepted(command, 200, []);
  return accepted(command, 200, [
    { type: 'cluster.cidrs-declared', data: { serviceCIDRs, draining: [], previous: [...definition.serviceCIDRs], keptInUse: held.count } },
  ]);
};

/** The new CIDR is used last: the order of use never changes under running Services. */
const add = (command: AddCidr, definition: ClusterDefinition): Accepted => {
  const why = cidrProblem(command.cidr);
  refuseProblems(problem('cidr', command.cidr, why));
  const cidr = parseCidr(command.cidr) as Cidr;
  const text = formatCidr(cidr);
  if (definition.serviceCIDRs.includes(text)) return accepted(command, 200, []);
  const other = definition.serviceCIDRs.find((held) => cidrsOverlap(parseCidr(held) as Cidr, cidr));
  refuseProblems(problem('cidr', command.cidr, other && overlapAdvice(cidr, other)));
  refuseLbOverlap([cidr], definition);
  if (definition.serviceCIDRs.length >= cidrsMax)
    refuseProblems(problem('cidr', command.cidr, `the cluster has ${cidrsMax} CIDRs already; remove one, or replace several by the range around them`));
  return accepted(command, 200, [{ type: 'cluster.cidr-added', data: { cidr: text } }]);
};

/** An address of the cluster is in one range only, Service CIDR or range of an LB pool. */
const refuseLbOverlap = (cidrs: readonly Cidr[], { lbPools = [] }: ClusterDefinition): void => {
  const ranges = lbPools.flatMap(({ name, addresses }) => addresses.map((text) => ({ name, text, range: parseRange(text) })));
  refuseProblems(cidrs.flatMap((cidr) => ranges.filter(({ range }) => range !== undefined && range.family === cidr.family && range.first <= cidr.last && cidr.first <= range.last)
    .map(({ name, text }) => ({ field: 'cidr', value: formatCidr(cidr), why: `overlaps ${text} of the LB pool ${name}` }))));
};

const overlapAdvice = (cidr: Cidr, other: string): string =>
  cidrCovers(cidr, parseCidr(other) as Cidr)
    ? `contains ${other}, which the cluster has; to replace it by the larger range, PUT the whole list of serviceCIDRs`
    : `overlaps ${other}, which the cluster has; the CIDRs of one cluster must not overlap`;

const ownCidr = (command: DrainCidr | RemoveCidr | ConfigurePool, definition: ClusterDefinition): string => {
  const parsed = parseCidr(command.cidr);
  if (parsed === undefined) refuseProblems(problem('cidr', command.cidr, cidrProblem(command.cidr) ?? 'is not a CIDR'));
  const text = parsed === undefined ? '' : formatCidr(parsed);
  return definition.serviceCIDRs.includes(text) ? text : refuse({ code: 'cidr_not_found', cluster: command.name, cidr: command.cidr });
};

const drain = (command: DrainCidr, definition: ClusterDefinition, state: ClusterState): Accepted => {
  const cidr = ownCidr(command, definition);
  if (definition.draining.includes(cidr)) return accepted(command, 200, []);
  const held = heldOutside(state, [cidr], []).count;
  return accepted(command, 200, [{ type: 'cluster.cidr-draining', data: { cidr, since: command.time.toISOString(), held } }]);
};

const declareNetwork = (command: DeclareClusterNetwork, definition: ClusterDefinition): Accepted => {
  const { podCIDRs, nodeCIDRs, nodeMaskSizes } = command.network;
  refuseProblems(networkProblems(command.network));
  const canonical = (texts: readonly string[]): string[] => texts.map((text) => formatCidr(parseCidr(text) as Cidr));
  const network = { podCIDRs: canonical(podCIDRs), nodeCIDRs: canonical(nodeCIDRs), nodeMaskSizes: { IPv4: nodeMaskSizes.IPv4, IPv6: nodeMaskSizes.IPv6 } };
  const same = JSON.stringify(network) === JSON.stringify(definition.network);
  return accepted(command, 200, same ? [] : [{ type: 'cluster.network-declared', data: network }]);
};

const configurePool = (command: ConfigurePool, definition: ClusterDefinition): Accepted => {
  const cidr = ownCidr(command, definition);
  const { staticBandAddresses } = command;
  const coolDownSeconds = command.coolDownSeconds ?? 0;
  const usable = usableRange(parseCidr(cidr) as Cidr).count;
  const bandProblem = staticBandAddresses !== null && (!isCount(staticBandAddresses) || BigInt(staticBandAddresses) > usable)
    ? `is not a whole number from 0 to ${usable}, the usable addresses of ${cidr}` : undefined;
  const coolDownProblem = !isCount(coolDownSeconds) || coolDownSeconds > coolDownSecondsMax ? `is not a whole number from 0 to ${coolDownSecondsMax}, a week` : undefined;
  refuseProblems([...problem('staticBandAddresses', staticBandAddresses, bandProblem), ...problem('coolDownSeconds', coolDownSeconds, coolDownProblem)]);
  const now = definition.pools?.[cidr];
  const same = (now?.staticBandAddresses ?? null) === staticBandAddresses && (now?.coolDownSeconds ?? 0) === coolDownSeconds;
  return accepted(command, 200, same ? [] : [{ type: 'cluster.pool-configured', data: { cidr, staticBandAddresses, coolDownSeconds } }]);
};

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

const removeCidr = (command: RemoveCidr, definition: ClusterDefinition, state: ClusterState): Accepted => {
  const cidr = ownCidr(command, definition);
  if (definition.serviceCIDRs.length === 1) refuse({ code: 'cidr_last', cluster: command.name, cidr });
  refuseHeld(command.name, heldOutside(state, [cidr], []));
  return accepted(command, 200, [{ type: 'cluster.cidr-removed', data: { cidr } }]);
};

interface Held {
  count: number;
  /** The lowest ones, canonical text. */
  first: string[];
}

const addressesNamedMax = 10;

/** The claims in the ranges `before` that no range of `after` contains. What lies outside already is not counted again. */
const heldOutside = (state: ClusterState, before: readonly string[], after: readonly string[]): Held => {
  const held: Held = { count: 0, first: [] };
  for (const family of ['IPv4', 'IPv6'] as const)
    for (const { first, last } of rangesOf(before, family).subtract(rangesOf(after, family)).ranges) {
      held.count += state.taken[family].countWithin(first, last);
      for (const value of state.taken[family].values(first, last)) {
        if (held.first.length === addressesNamedMax) break;
        held.first.push(formatAddress({ family, value }));
      }
    }
  return held;
};

const rangesOf = (cidrs: readonly string[], family: Family): RangeSet =>
  RangeSet.of(cidrs.map((text) => parseCidr(text) as Cidr).filter((cidr) => cidr.family === family));

const refuseHeld = (cluster: string, held: Held): void => {
  if (held.count > 0) refuse({ code: 'cidr_in_use', cluster, held: held.count, first: held.first });
};

const servicesNamedMax = 10;

/** Only when nothing but `default/kubernetes` is left; that one goes with it, its address, and every reservation. */
const removeCluster = (command: RemoveCluster, state: ClusterState, kubernetes: string | undefined): Accepted => {
  const others = [...state.services.keys()].filter((key) => key !== 'default/kubernetes');
  if (others.length > 0)
    refuse({ code: 'cluster_not_empty', cluster: command.name, services: others.length, first: others.sort().slice(0, servicesNamedMax) });
  const stored = kubernetes === undefined ? undefined : parseDocument(kubernetes);
  const released = stored === undefined ? [] : deletionEvents(stored, state, { ...stored, metadata: { ...stored.metadata } }, command.time);
  const reservations = [...state.reservations.values()].map(({ record }): Event =>
    ({ type: 'reservation.released', data: { reservation: record, reason: 'cluster-removed', service: null } }));
  return accepted(command, 200, [...released, ...reservations, { type: 'cluster.removed', data: {} }]);
};
