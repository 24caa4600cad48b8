import { identityOf, may } from '@ipledger/access';
import type { EventStore } from '@ipledger/event-store';
import { ClusterState, decide, sharedPoolOf, type ClusterCommand, type ClusterDefinition } from '@ipledger/services';
import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError, rejectionProblem } from '../problem.js';
import { markAnswer } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { Writers, type KnownCluster } from '../writer/writers.js';
import { clusterView, type ClusterView } from './cluster-view.js';
import { cidrBody, clusterOrderBasis, declareBody, invalidRequest, isDryRun, registerBody, wholeNumber, type RegisterBody } from './requests.js';
import { countReadDifferently } from './read-differently.js';
import { mustKnow, submitClusterCommand } from './submit.js';

/** Clusters: register, look at, change their ranges, remove. */
@Controller('v1/clusters')
export class ClustersController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Post()
  @RouteSchema({ body: registerBody })
  async register(@Body() body: RegisterBody, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const command: ClusterCommand = { type: 'RegisterCluster', ...clusterOrderBasis(body.name, isDryRun(request)), ...body, apiServerService: body.apiServerService ?? true };
    // Decided on an empty cluster first: a request that can never be accepted must not leave a row for its name.
    const trial = decide(command, new ClusterState(), undefined);
    if (trial.outcome === 'rejected') throw new ProblemError(rejectionProblem(trial.rejection));
    const { id } = command.dryRun ? ((await this.store.clusterByName(body.name)) ?? { id: undefined }) : await this.store.nameCluster(body.name);
    if (id === undefined) return void reply.code(201).send(trialView(command));
    await this.submit(id, command, request, reply);
  }

  /** Those that whoever asks may read. */
  @Get()
  async list(@Req() request: FastifyRequest, @Query('continue') after?: string): Promise<{ items: ClusterView[]; continue?: string }> {
    const limit = wholeNumber(request, 'limit', { min: 1, max: 1000, otherwise: 100 });
    const heads = (await this.store.clusters()).filter(({ definition, name }) =>
      definition !== null && sharedPoolOf(name) === undefined && (after === undefined || name > after) && may(identityOf(request), { role: 'reader', reach: 'part' }, { cluster: name }));
    const items = heads.slice(0, limit).map(({ definition, revision }) => clusterView(JSON.parse(definition ?? '') as ClusterDefinition, revision));
    const last = items.at(-1);
    return heads.length > limit && last !== undefined ? { items, continue: last.name } : { items };
  }

  @Get(':cluster')
  async get(@Param('cluster') name: string): Promise<ClusterView> {
    const { definition, revision } = await mustKnow(this.writers, name);
    return clusterView(definition, revision);
  }

  /** Declares the ranges anew. `?inUse=keep` accepts that held addresses lie outside them afterwards. */
  @Put(':cluster')
  @RouteSchema({ body: declareBody })
  async declare(@Param('cluster') name: string, @Body() body: { serviceCIDRs: string[] }, @Req() request: FastifyRequest, @Res() reply: FastifyReply, @Query('inUse') inUse?: string): Promise<void> {
    if (inUse !== undefined && inUse !== 'keep') throw invalidRequest('inUse', inUse, 'is not known; leave it out, or say inUse=keep');
    const before = await mustKnow(this.writers, name);
    const command: ClusterCommand = { type: 'DeclareCidrs', ...clusterOrderBasis(name, isDryRun(request)), serviceCIDRs: body.serviceCIDRs, keepInUse: inUse === 'keep' };
    await this.submit(before.id, command, request, reply, before);
  }

  @Delete(':cluster')
  async remove(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await mustKnow(this.writers, name);
    await this.submit(cluster.id, { type: 'RemoveCluster', ...clusterOrderBasis(name, isDryRun(request)) }, request, reply, cluster);
  }

  @Post(':cluster/cidrs')
  @RouteSchema({ body: cidrBody })
  addCidr(@Param('cluster') name: string, @Body() { cidr }: { cidr: string }, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.changeCidr('AddCidr', name, cidr, request, reply);
  }

  @Post(':cluster/cidrs::drain')
  @RouteSchema({ body: cidrBody })
  drainCidr(@Param('cluster') name: string, @Body() { cidr }: { cidr: string }, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.changeCidr('DrainCidr', name, cidr, request, reply);
  }

  @Post(':cluster/cidrs::remove')
  @RouteSchema({ body: cidrBody })
  removeCidr(@Param('cluster') name: string, @Body() { cidr }: { cidr: string }, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.changeCidr('RemoveCidr', name, cidr, request, reply);
  }

  private async changeCidr(type: 'AddCidr' | 'DrainCidr' | 'RemoveCidr', name: string, cidr: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const cluster = await mustKnow(this.writers, name);
    await this.submit(cluster.id, { type, ...clusterOrderBasis(name, isDryRun(request)), cidr }, request, reply, cluster);
  }

  private async submit(id: number, command: ClusterCommand, request: FastifyRequest, reply: FastifyReply, before?: KnownCluster): Promise<void> {
    const { status, revision, replayed } = await submitClusterCommand(this.commands, this.store, id, command, request);
    markAnswer(reply, revision, replayed);
    const after = await this.writers.findNow(command.name);
    if (after === undefined) return void reply.code(200).send(before && clusterView(before.definition, before.revision));
    const view = clusterView(after.definition, after.revision);
    if (status === 201) reply.header('location', `/v1/clusters/${command.name}`);
    const changed = command.type === 'DeclareCidrs' && before !== undefined;
    void reply.code(status).send(changed ? { ...view, servicesReadDifferently: await countReadDifferently(this.store, id, before.primary, after.primary) } : view);
  }
}

/** What a dry registration would make; there is no revision to show, since nothing happened. */
const trialView = (command: Extract<ClusterCommand, { type: 'RegisterCluster' }>): ClusterView =>
  clusterView(
    { name: command.name, serviceCIDRs: command.serviceCIDRs, draining: [], nodePortRange: command.nodePortRange ?? '30000-32767', createdAt: command.time.toISOString(), ...(command.defaultLoadBalancer === true && { defaultLoadBalancer: true }) },
    0,
  );
