import { cidrsOverlap, parseAddress, parseCidr, cidrContains, type Cidr, type Family } from '@ipledger/ip';
import { compileDefinition, type ClusterDefinition, type DefinitionProblem } from './definition.js';

/** The other ranges of a cluster, which ipledger hands out nothing of: for its flags and its masquerading. */
export interface Network {
  /** In order: the first one's family is the one Pods have first. At most one of a family. */
  readonly podCIDRs: readonly string[];
  readonly nodeCIDRs: readonly string[];
  /** Prefix length of the part of a Pod range that a node gets. */
  readonly nodeMaskSizes: { readonly IPv4: number; readonly IPv6: number };
}

/** @see --node-cidr-mask-size-ipv4 and -ipv6 of kube-controller-manager, Kubernetes v1.37.2 */
export const defaultNodeMaskSizes = { IPv4: 24, IPv6: 64 } as const;
const nodeCidrsMax = 64;

/** What is wrong with the ranges in themselves; how they go together is a matter of `checkNetwork`. */
export const networkProblems = ({ podCIDRs, nodeCIDRs, nodeMaskSizes }: Network): DefinitionProblem[] => {
  const malformed = Object.entries({ podCIDRs, nodeCIDRs }).flatMap(([field, texts]) => texts.flatMap((value, i): DefinitionProblem[] =>
    parseCidr(value) === undefined ? [{ field: `${field}[${i}]`, value, why: 'is not a CIDR without host bits; write it as 10.244.0.0/16 or fd00:10:244::/56' }] : []));
  const families = podCIDRs.map((text) => parseCidr(text)?.family);
  const sizes = (['IPv4', 'IPv6'] as const).flatMap((family): DefinitionProblem[] => {
    const size = nodeMaskSizes[family];
    const max = family === 'IPv4' ? 32 : 128;
    return Number.isInteger(size) && size >= 1 && size <= max ? [] : [{ field: `nodeMaskSizes.${family}`, value: size, why: `is not a prefix length from 1 to ${max}` }];
  });
  return [
    ...malformed,
    ...(malformed.length === 0 && new Set(families).size < families.length ? [{ field: 'podCIDRs', value: podCIDRs, why: 'has two ranges of one family; a cluster has one of each at most' }] : []),
    ...(nodeCIDRs.length > nodeCidrsMax ? [{ field: 'nodeCIDRs', value: nodeCIDRs.length, why: `at most ${nodeCidrsMax} are kept` }] : []),
    ...sizes,
  ];
};

/** What does not go together, as the flags would be refused or the cluster would not work. */
export interface NetworkProblem {
  severity: 'error' | 'warning';
  flag: string;
  value: string;
  why: string;
}

interface Named {
  text: string;
  cidr: Cidr;
}
const read = (texts: readonly string[]): Named[] => texts.flatMap((text) => {
  const cidr = parseCidr(text);
  return cidr === undefined ? [] : [{ text, cidr }];
});
const familiesOf = (ranges: readonly Named[]): Family[] => [...new Set(ranges.map(({ cidr }) => cidr.family))];

/** Past this distance kube-controller-manager refuses to cut Pod ranges into parts for nodes. @see pkg/controller/nodeipam clusterSubnetMaxDiff */
const nodeMaskDistanceMax = 16;
/** What `--service-cluster-ip-range` takes without the allocator that came with Kubernetes 1.33. */
const hostBitsMax = 20;
const flagAddressesMin = 8n;

/** @param nodeIPs addresses of one node, when they are to be checked too */
export const checkNetwork = (definition: ClusterDefinition, nodeIPs: readonly string[]): NetworkProblem[] => {
  const { podCIDRs = [], nodeCIDRs = [], nodeMaskSizes = defaultNodeMaskSizes } = definition.network ?? {};
  const [services, pods, nodes] = [read(definition.serviceCIDRs), read(podCIDRs), read(nodeCIDRs)];
  return [
    ...serviceProblems(definition, services), ...podProblems(definition, services, pods, nodeMaskSizes),
    ...overlaps('--service-cluster-ip-range', services, '--cluster-cidr', pods), ...overlaps('--service-cluster-ip-range', services, '--node-ip', nodes),
    ...overlaps('--cluster-cidr', pods, '--node-ip', nodes), ...nodeIPProblems(nodeIPs, nodes),
  ];
};

const serviceProblems = (definition: ClusterDefinition, services: readonly Named[]): NetworkProblem[] => {
  const flag = '--service-cluster-ip-range';
  const flagged = serviceRange(definition);
  const tooSmall = services.slice(0, 1).filter(({ cidr }) => cidr.size < flagAddressesMin);
  const large = services.filter(({ text, cidr }) => flagged.includes(text) && (cidr.family === 'IPv4' ? 32 : 128) - cidr.prefixLength > hostBitsMax);
  const further = services.filter(({ text }) => !flagged.includes(text));
  return [
    ...tooSmall.map(({ text }): NetworkProblem => ({ severity: 'error', flag, value: text, why: `kube-apiserver wants at least ${flagAddressesMin} addresses in the first range` })),
    ...large.map(({ text, cidr }): NetworkProblem => ({
      severity: 'warning', flag, value: text,
      why: `has more than ${hostBitsMax} host bits: kube-apiserver without IPAddress objects (before Kubernetes 1.33, unless switched on) takes at most a /${cidr.family === 'IPv4' ? 12 : 108}`,
    })),
    ...further.map(({ text }): NetworkProblem => ({ severity: 'warning', flag, value: text, why: 'the flag takes one range of each family; make a ServiceCIDR object for this one' })),
  ];
};

const podProblems = (definition: ClusterDefinition, services: readonly Named[], pods: readonly Named[], sizes: Network['nodeMaskSizes']): NetworkProblem[] => {
  const flag = '--cluster-cidr';
  const value = pods.map(({ text }) => text).join(',');
  if (pods.length === 0) return [{ severity: 'warning', flag, value, why: 'no Pod ranges are registered; PUT …/network says them' }];
  const [wanted, given] = [compileDefinition(definition).families as readonly Family[], familiesOf(pods)];
  const missing = wanted.filter((family) => !given.includes(family));
  return [
    ...missing.map((family): NetworkProblem => ({ severity: 'error', flag, value, why: `Services have ${family} addresses, but Pods have none: nothing could answer on them` })),
    ...(missing.length === 0 && given[0] !== familiesOf(services)[0] ? [{ severity: 'warning', flag, value, why: `the first family is ${given[0]}, that of Services is ${familiesOf(services)[0]}; keep one order` } as const] : []),
    ...pods.flatMap(({ text, cidr }): NetworkProblem[] => {
      const size = sizes[cidr.family];
      const sizeFlag = `--node-cidr-mask-size-${cidr.family.toLowerCase()}`;
      if (size < cidr.prefixLength) return [{ severity: 'error', flag: sizeFlag, value: String(size), why: `a node would get more than all of ${text}` }];
      if (size - cidr.prefixLength > nodeMaskDistanceMax) return [{ severity: 'error', flag: sizeFlag, value: String(size), why: `is more than ${nodeMaskDistanceMax} bits longer than ${text}, which kube-controller-manager refuses` }];
      return [];
    }),
  ];
};

const overlaps = (flag: string, ours: readonly Named[], otherFlag: string, others: readonly Named[]): NetworkProblem[] =>
  ours.flatMap(({ text, cidr }) => others.filter((other) => cidrsOverlap(cidr, other.cidr))
    .map((other): NetworkProblem => ({ severity: 'error', flag, value: text, why: `overlaps ${other.text} of ${otherFlag === '--node-ip' ? 'the nodes' : otherFlag}; traffic to one would reach the other` })));

const nodeIPProblems = (nodeIPs: readonly string[], nodes: readonly Named[]): NetworkProblem[] => {
  const flag = '--node-ip';
  const addresses = nodeIPs.map((text) => ({ text, address: parseAddress(text) }));
  const families = addresses.map(({ address }) => address?.family);
  const twice = nodeIPs.length > 2 || new Set(families).size < families.length;
  return [
    ...addresses.flatMap(({ text, address }): NetworkProblem[] => {
      if (address === undefined) return [{ severity: 'error', flag, value: text, why: 'is not an IP address' }];
      if (nodes.length > 0 && !nodes.some(({ cidr }) => cidrContains(cidr, address))) return [{ severity: 'error', flag, value: text, why: `lies in none of the node ranges ${nodes.map((node) => node.text).join(', ')}` }];
      return [];
    }),
    ...(twice ? [{ severity: 'error', flag, value: nodeIPs.join(','), why: 'kubelet takes one address of each family' } as const] : []),
  ];
};

/** What fits the flag: the first range of each family, in order. */
const serviceRange = (definition: ClusterDefinition): string[] =>
  compileDefinition(definition).families.flatMap((family) => definition.serviceCIDRs.find((text) => parseCidr(text)?.family === family) ?? []);

/** The page's flags, by component, without those that nothing is known for. */
export const networkFlags = (definition: ClusterDefinition, nodeIPs: readonly string[]): Record<string, string[]> => {
  const { podCIDRs = [], nodeMaskSizes = defaultNodeMaskSizes } = definition.network ?? {};
  const range = `--service-cluster-ip-range=${serviceRange(definition).join(',')}`;
  const clusterCidr = podCIDRs.length > 0 ? [`--cluster-cidr=${podCIDRs.join(',')}`] : [];
  const podFamilies = familiesOf(read(podCIDRs));
  const masks = podFamilies.map((family) => (podFamilies.length === 1 ? `--node-cidr-mask-size=${nodeMaskSizes[family]}` : `--node-cidr-mask-size-${family.toLowerCase()}=${nodeMaskSizes[family]}`));
  const { families } = compileDefinition(definition);
  const nodeIP = nodeIPs.length > 0 ? nodeIPs.join(',') : families.map((family) => `<${family} address of the node>`).join(',');
  return {
    'kube-apiserver': [range, `--service-node-port-range=${definition.nodePortRange}`],
    'kube-controller-manager': [...(clusterCidr.length > 0 ? ['--allocate-node-cidrs=true'] : []), range, ...clusterCidr, ...masks],
    kubelet: [`--node-ip=${nodeIP}`],
    'kube-proxy': clusterCidr,
  };
};

/** Destinations that Pods reach with their own address, for ip-masq-agent: everything inside the cluster, each range once. */
export const nonMasqueradeCIDRs = ({ serviceCIDRs, network }: ClusterDefinition): string[] =>
  [...new Set([...(network?.podCIDRs ?? []), ...serviceCIDRs, ...(network?.nodeCIDRs ?? [])])];
