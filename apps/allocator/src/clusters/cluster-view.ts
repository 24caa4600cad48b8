import { formatAddress, type Family } from '@ipledger/ip';
import { compileDefinition, type ClusterDefinition, type Pool } from '@ipledger/services';

/** A cluster as `/v1/clusters` shows it. */
export interface ClusterView {
  name: string;
  serviceCIDRs: readonly string[];
  primaryFamily: Family;
  families: readonly Family[];
  nodePortRange: string;
  revision: number;
  createdAt: string;
  /** Only where it is so: Services of type LoadBalancer without a class get their addresses from LB pools. */
  defaultLoadBalancer?: true;
  pools: PoolView[];
}

export interface PoolView {
  cidr: string;
  family: Family;
  state: 'open' | 'draining';
  /** null when the pool is too small to be split. */
  staticBand: { from: string; to: string } | null;
  /** How long a released address is not handed out; 0 = not at all. */
  coolDownSeconds: number;
}

export const clusterView = (definition: ClusterDefinition, revision: number): ClusterView => {
  const { pools, families } = compileDefinition(definition);
  const { name, serviceCIDRs, nodePortRange, createdAt, defaultLoadBalancer } = definition;
  return { name, serviceCIDRs, primaryFamily: families[0], families, nodePortRange, revision, createdAt, ...(defaultLoadBalancer && { defaultLoadBalancer }), pools: pools.map(poolView) };
};

export const poolView = ({ name, family, state, staticBand, coolDownSeconds }: Pool): PoolView => ({
  cidr: name,
  family,
  state,
  staticBand: staticBand.count === 0n
    ? null
    : { from: formatAddress({ family, value: staticBand.first }), to: formatAddress({ family, value: staticBand.last }) },
  coolDownSeconds,
});
