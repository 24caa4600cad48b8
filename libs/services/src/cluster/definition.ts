import type { Cidr, Family } from '@ipledger/ip';
import { cidrsOverlap, parseCidr, parseCidrSloppy, usableRange } from '@ipledger/ip';
import { compileLbPool, inOrder, type CompiledLbPool, type LbPool } from '../load-balancer/lb-pool.js';
import { makePool, staticPortBandSize, type AddressRange, type FamilyRange, type Pool, type PoolSettings } from '../pool/pool.js';
import type { Network } from './network.js';
import type { ClusterFamilies } from '../service/ip-families.js';

/**
 * What a cluster is, as stored. The order of `serviceCIDRs` says which family is primary, and which pool is used first. The log of a
 * shared LB pool has one as well, without Service CIDRs (ADR 0004).
 */
export interface ClusterDefinition {
  /** RFC 1123 label; of a shared LB pool `lb-pool:NAME`. */
  readonly name: string;
  readonly serviceCIDRs: readonly string[];
  /** The ones of `serviceCIDRs` from which nothing new is taken. */
  readonly draining: readonly string[];
  /** `FIRST-LAST`, both included. */
  readonly nodePortRange: string;
  /** RFC 3339, milliseconds. */
  readonly createdAt: string;
  /** By CIDR; missing where everything is as upstream. */
  readonly pools?: Readonly<Record<string, PoolSettings>>;
  /** By CIDR: since when the draining ones drain, and how many addresses were held then. Missing for those of old logs. */
  readonly drains?: Readonly<Record<string, Drain>>;
  /** Pods and nodes, where somebody said them. */
  readonly network?: Network;
  /** In the order in which they were made; missing where there are none. */
  readonly lbPools?: readonly LbPool[];
  /** Whether Services of type LoadBalancer without a class get their addresses here. */
  readonly defaultLoadBalancer?: true;
}

export interface Drain {
  /** RFC 3339, milliseconds. */
  readonly since: string;
  readonly held: number;
}

/** A definition made ready for deciding. */
export interface ClusterConfig {
  readonly definition: ClusterDefinition;
  /** The Service CIDRs, from which cluster IPs come. */
  readonly pools: readonly Pool[];
  /** In the order in which they are used. */
  readonly lbPools: readonly CompiledLbPool[];
  /** The ranges of LB pools, pool by pool as they were made. */
  readonly lbRanges: readonly Pool[];
  readonly families: ClusterFamilies;
  readonly nodePorts: NodePortRange;
}

export interface NodePortRange {
  readonly first: number;
  readonly last: number;
  readonly staticBand: AddressRange;
  readonly dynamicBand: AddressRange;
}

export const defaultNodePortRange = '30000-32767';
export const cidrsMax = 16;
/** A week: longer than any cache keeps an address. */
export const coolDownSecondsMax = 7 * 24 * 3600;

export const compileDefinition = (definition: ClusterDefinition): ClusterConfig => {
  const pools = definition.serviceCIDRs.map((cidr) => makePool(cidr, definition.draining.includes(cidr) ? 'draining' : 'open', definition.pools?.[cidr]));
  const lbPools = (definition.lbPools ?? []).map(compileLbPool);
  return { definition, pools, lbPools: inOrder(lbPools), lbRanges: lbPools.flatMap(({ ranges }) => ranges), families: familiesOf(pools), nodePorts: portRange(definition.nodePortRange) };
};

/** First configured first. */
export const familiesOf = (cidrs: readonly { family: Family }[]): ClusterFamilies =>
  [...new Set(cidrs.map(({ family }) => family))] as unknown as ClusterFamilies;

const portRange = (text: string): NodePortRange => {
  const [first = 0, last = 0] = text.split('-').map(Number);
  const split = first + staticPortBandSize(last - first + 1);
  return { first, last, staticBand: span(first, split - 1), dynamicBand: span(split, last) };
};

const span = (first: number, last: number): AddressRange => ({ first: BigInt(first), last: BigInt(last), count: BigInt(last - first + 1) });

/** One thing wrong with a request, for the problem document: where, what stood there, why, and what would fix it. */
export interface DefinitionProblem {
  field: string;
  value: unknown;
  why: string;
}

/** Canonical text of each CIDR, or everything that is wrong with the list. @see design D14 */
export const checkCidrs = (texts: readonly string[]): { cidrs: Cidr[] } | { problems: DefinitionProblem[] } => {
  if (texts.length < 1 || texts.length > cidrsMax)
    return { problems: [{ field: 'serviceCIDRs', value: texts.length, why: `1 to ${cidrsMax} CIDRs are needed, such as ["10.96.0.0/16", "fd00:10:96::/112"]` }] };
  const problems: DefinitionProblem[] = [];
  const cidrs: Cidr[] = [];
  for (const [i, text] of texts.entries()) {
    const why = cidrProblem(text) ?? overlapProblem(text, texts.slice(0, i));
    if (why === undefined) cidrs.push(parseCidr(text) as Cidr);
    else problems.push({ field: `serviceCIDRs[${i}]`, value: text, why });
  }
  return problems.length > 0 ? { problems } : { cidrs };
};

/** Why a text cannot be a pool; undefined when it can. */
export const cidrProblem = (text: string): string | undefined => {
  const sloppy = parseCidrSloppy(text);
  if (sloppy === undefined) return 'is not a CIDR; write an address, a slash and a prefix length, such as 10.96.0.0/16 or fd00:10:96::/112';
  if (sloppy.leadingZeros) return 'has leading zeros, which are ambiguous; write the numbers without them';
  if (sloppy.mapped) return 'is an IPv4-mapped IPv6 range; write it as IPv4';
  if (sloppy.hostBits) return 'has bits set beyond the prefix length; write the first address of the range';
  const { cidr } = sloppy;
  if (cidr.family === 'IPv6' && cidr.prefixLength < 64) return 'is larger than a /64, the largest IPv6 range there can be';
  if (usableRange(cidr).count === 0n) return 'has no usable address; an IPv4 range needs /30 or shorter, an IPv6 range /127 or shorter';
  return specialRangeProblem({ family: cidr.family, first: cidr.first, last: cidr.last, count: cidr.size });
};

const overlapProblem = (text: string, earlier: readonly string[]): string | undefined => {
  const cidr = parseCidr(text) as Cidr;
  const other = earlier.find((candidate) => {
    const parsed = parseCidr(candidate);
    return parsed !== undefined && cidrsOverlap(parsed, cidr);
  });
  return other && `overlaps ${other}; the CIDRs of one cluster must not overlap`;
};

/** Why no Service can have addresses of a range; undefined when it can. */
export const specialRangeProblem = (range: FamilyRange): string | undefined => {
  const special = specialRanges.find(({ cidr }) => cidr.family === range.family && cidr.first <= range.last && range.first <= cidr.last);
  return special && `overlaps the ${special.name} range ${special.text}, whose addresses no Service can have`;
};

const specialRanges = [
  ['unspecified', '0.0.0.0/32'], ['loopback', '127.0.0.0/8'], ['link-local', '169.254.0.0/16'], ['multicast', '224.0.0.0/4'],
  ['unspecified', '::/128'], ['loopback', '::1/128'], ['link-local', 'fe80::/10'], ['multicast', 'ff00::/8'],
].map(([name, text]) => ({ name, text, cidr: parseCidr(text as string) as Cidr }));

/** Why a text cannot be a node port range; undefined when it can. */
export const portRangeProblem = (text: string): string | undefined => {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (match === null || first < 1 || last > 65535 || first > last) return 'is not a port range; write FIRST-LAST with 1 <= FIRST <= LAST <= 65535, such as 30000-32767';
  return undefined;
};

/** RFC 1123 label. */
export const clusterNameProblem = (name: string): string | undefined =>
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)
    ? undefined
    : 'is not an RFC 1123 label; use 1 to 63 lower-case letters, digits and -, starting and ending with a letter or digit';
