import { declare, declareNetwork, range4, register, v4v6 } from '../testing/commands.js';
import { given, type Scenario } from '../testing/scenario.js';
import { checkNetwork, networkFlags, nonMasqueradeCIDRs } from './network.js';

const dual = register(['10.96.0.0/16', 'fd00:10:96::/112']);
const pods = ['10.244.0.0/16', 'fd00:10:244::/56'];
const nodes = ['192.168.0.0/24', 'fd00:1::/64'];
const problemsOf = ({ state }: Scenario, nodeIPs: string[] = []): string[] => checkNetwork(state.definition!, nodeIPs).map(({ severity, flag, value, why }) => `${severity} ${flag} ${value}: ${why}`);

describe('the network of a cluster', () => {
  it('is metadata: it is remembered, and changes with a declaration only', () => {
    const scenario = given(dual, declareNetwork(pods, nodes));
    expect(scenario.state.definition?.network).toEqual({ podCIDRs: pods, nodeCIDRs: nodes, nodeMaskSizes: { IPv4: 24, IPv6: 64 } });
    scenario.when(declareNetwork(pods, nodes)).thenNothing();
    expect(scenario.after(declare(['10.0.0.0/16'])).state.definition?.network?.podCIDRs).toEqual(pods);
    expect(scenario.after(declareNetwork([], [])).state.definition?.network?.podCIDRs).toEqual([]);
  });
  it.each<[pods: string[], nodes: string[], masks: object, field: string, why: RegExp]>([
    [['10.244.0.1/16'], [], {}, 'podCIDRs[0]', /without host bits/],
    [['10.244.0.0/16', '10.245.0.0/16'], [], {}, 'podCIDRs', /two ranges of one family/],
    [[], ['here'], {}, 'nodeCIDRs[0]', /is not a CIDR/],
    [pods, [], { IPv4: 33 }, 'nodeMaskSizes.IPv4', /from 1 to 32/],
  ])('is refused with %j %j %j', (podCIDRs, nodeCIDRs, masks, field, why) =>
    expect(given(dual).when(declareNetwork(podCIDRs, nodeCIDRs, masks)).rejection()).toMatchObject({ code: 'cluster_invalid', problems: [{ field, why: expect.stringMatching(why) }] }));
});

describe('the flags', () => {
  it('are those of the dual-stack page', () => expect(networkFlags(given(dual, declareNetwork(pods, nodes)).state.definition!, ['192.168.0.7', 'fd00:1::7'])).toEqual({
    'kube-apiserver': ['--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112', '--service-node-port-range=30000-32767'],
    'kube-controller-manager': ['--allocate-node-cidrs=true', '--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112', '--cluster-cidr=10.244.0.0/16,fd00:10:244::/56', '--node-cidr-mask-size-ipv4=24', '--node-cidr-mask-size-ipv6=64'],
    kubelet: ['--node-ip=192.168.0.7,fd00:1::7'],
    'kube-proxy': ['--cluster-cidr=10.244.0.0/16,fd00:10:244::/56'],
  }));
  it('leave open what is not known, and take one mask where there is one family', () => {
    expect(networkFlags(given(v4v6).state.definition!, [])).toMatchObject({ kubelet: ['--node-ip=<IPv4 address of the node>,<IPv6 address of the node>'], 'kube-proxy': [] });
    expect(networkFlags(given(register([range4]), declareNetwork(['10.244.0.0/16'], [])).state.definition!, [])['kube-controller-manager']).toContain('--node-cidr-mask-size=24');
  });
  it('go together in a sound cluster', () => expect(problemsOf(given(dual, declareNetwork(pods, nodes)), ['192.168.0.7', 'fd00:1::7'])).toEqual([]));

  it.each<[what: string, scenario: Scenario, nodeIPs: string[], problem: RegExp]>([
    ['no Pod ranges', given(dual), [], /^warning --cluster-cidr : no Pod ranges are registered/],
    ['a family that Pods lack', given(dual, declareNetwork(['10.244.0.0/16'], nodes)), [], /^error --cluster-cidr 10\.244\.0\.0\/16: Services have IPv6/],
    ['another order', given(dual, declareNetwork(pods.toReversed(), nodes)), [], /^warning --cluster-cidr .*the first family is IPv6, that of Services is IPv4/],
    ['Pods in the service range', given(dual, declareNetwork(['10.96.128.0/17', 'fd00:10:244::/56'], nodes)), [], /^error --service-cluster-ip-range 10\.96\.0\.0\/16: overlaps 10\.96\.128\.0\/17 of --cluster-cidr/],
    ['nodes in the service range', given(dual, declareNetwork(pods, ['10.0.0.0/8'])), [], /^error --service-cluster-ip-range 10\.96\.0\.0\/16: overlaps 10\.0\.0\.0\/8 of the nodes/],
    ['nodes in the Pod range', given(dual, declareNetwork(pods, ['10.244.9.0/24'])), [], /^error --cluster-cidr 10\.244\.0\.0\/16: overlaps 10\.244\.9\.0\/24 of the nodes/],
    ['a mask shorter than the range', given(dual, declareNetwork(pods, nodes, { IPv4: 15 })), [], /^error --node-cidr-mask-size-ipv4 15: a node would get more than all/],
    ['a mask that is too far away', given(dual, declareNetwork(['10.244.0.0/16', 'fd00:10:244::/47'], nodes)), [], /^error --node-cidr-mask-size-ipv6 64: is more than 16 bits longer/],
    ['a range too small for the flag', given(register(['10.96.0.0/30'])), [], /^error --service-cluster-ip-range 10\.96\.0\.0\/30: kube-apiserver wants at least 8/],
    ['a range too large for old releases', given(register(['10.0.0.0/11'])), [], /^warning --service-cluster-ip-range 10\.0\.0\.0\/11: has more than 20 host bits/],
    ['a second range of a family', given(register(['10.96.0.0/16', '10.97.0.0/16'])), [], /^warning --service-cluster-ip-range 10\.97\.0\.0\/16: .*ServiceCIDR object/],
    ['an address outside the node ranges', given(dual, declareNetwork(pods, nodes)), ['192.168.9.9'], /^error --node-ip 192\.168\.9\.9: lies in none of/],
    ['two addresses of one family', given(dual, declareNetwork(pods, nodes)), ['192.168.0.7', '192.168.0.8'], /^error --node-ip .*: kubelet takes one address of each family/],
    ['what is no address', given(dual, declareNetwork(pods, nodes)), ['here'], /^error --node-ip here: is not an IP address/],
  ])('do not with %s', (_, scenario, nodeIPs, problem) => expect(problemsOf(scenario, nodeIPs)).toContainEqual(expect.stringMatching(problem)));
});

it('keeps everything inside the cluster from being masqueraded', () =>
  expect(nonMasqueradeCIDRs(given(dual, declareNetwork(pods, nodes)).state.definition!)).toEqual([...pods, '10.96.0.0/16', 'fd00:10:96::/112', ...nodes]));
