import type { EventStore } from '@ipledger/event-store';
import { checkNetwork, defaultNodeMaskSizes, networkFlags, nonMasqueradeCIDRs, type ClusterCommand, type Network, type NetworkProblem } from '@ipledger/services';
import { Body, Controller, Get, Inject, Param, Put, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problem, ProblemError } from '../problem.js';
import { markAnswer } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { Writers } from '../writer/writers.js';
import { clusterOrderBasis, invalidRequest, isDryRun, networkBody, type NetworkBody } from './requests.js';
import { mustKnow, submitClusterCommand } from './submit.js';

const nodeIPsCharsMax = 256;

/** The ranges of Pods and nodes beside those of Services, and what follows from them: flags, and what is not masqueraded. */
@Controller('v1/clusters/:cluster')
export class NetworkController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Put('network')
  @RouteSchema({ body: networkBody })
  async declare(@Param('cluster') name: string, @Body() body: NetworkBody, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = await mustKnow(this.writers, name);
    const { podCIDRs = [], nodeCIDRs = [], nodeMaskSizes } = body;
    const network: Network = { podCIDRs, nodeCIDRs, nodeMaskSizes: { ...defaultNodeMaskSizes, ...nodeMaskSizes } };
    const command: ClusterCommand = { type: 'DeclareClusterNetwork', ...clusterOrderBasis(name, isDryRun(request)), network };
    const outcome = await submitClusterCommand(this.commands, this.store, id, command, request);
    markAnswer(reply, outcome.revision, outcome.replayed);
    void reply.code(200).send(command.dryRun ? network : ((await mustKnow(this.writers, name)).definition.network ?? network));
  }

  @Get('network')
  async get(@Param('cluster') name: string): Promise<Network> {
    return (await mustKnow(this.writers, name)).definition.network ?? notDeclared(name);
  }

  /** The page's flags by component, and what does not go together. `?nodeIPs=` checks the addresses of one node too. */
  @Get('flags')
  async flags(@Param('cluster') name: string, @Query('nodeIPs') text = ''): Promise<{ flags: Record<string, string[]>; problems: NetworkProblem[]; ok: boolean }> {
    const { definition } = await mustKnow(this.writers, name);
    if (text.length > nodeIPsCharsMax) throw invalidRequest('nodeIPs', text.slice(0, 60), `is longer than ${nodeIPsCharsMax} characters; name the addresses of one node`);
    const nodeIPs = text.split(',').map((part) => part.trim()).filter((part) => part !== '');
    const problems = checkNetwork(definition, nodeIPs);
    return { flags: networkFlags(definition, nodeIPs), problems, ok: problems.every(({ severity }) => severity !== 'error') };
  }

  /** The ConfigMap of ip-masq-agent, ready for `kubectl apply -f -`. */
  @Get('ip-masq-agent')
  async ipMasqAgent(@Param('cluster') name: string, @Res() reply: FastifyReply): Promise<void> {
    const { definition } = await mustKnow(this.writers, name);
    if (definition.network === undefined) notDeclared(name);
    void reply.code(200).type('application/yaml').send(configMap(nonMasqueradeCIDRs(definition)));
  }
}

const notDeclared = (cluster: string): never => {
  throw new ProblemError(problem('network_unknown', `the Pod and node ranges of ${cluster} are not known; PUT /v1/clusters/${cluster}/network says them`));
};

/** @see kubernetes-sigs/ip-masq-agent; IPv6 also needs its flag --enable-ipv6 */
const configMap = (cidrs: readonly string[]): string => `apiVersion: v1
kind: ConfigMap
metadata:
  name: ip-masq-agent
  namespace: kube-system
data:
  config: |
    nonMasqueradeCIDRs:
${cidrs.map((cidr) => `    - ${cidr}`).join('\n')}
    masqLinkLocal: false
    masqLinkLocalIPv6: false
    resyncInterval: 60s
`;
