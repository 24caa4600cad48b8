import type { EventStore, LbMemberKey, StoredLbMember } from '@ipledger/event-store';
import { formatAddress, parseAddress } from '@ipledger/ip';
import { ClusterState, compileLbPool, decide, sharedPoolLog, type ClusterCommand } from '@ipledger/services';
import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clusterOrderBasis, invalidRequest, isDryRun, wholeNumber } from '../clusters/requests.js';
import { mustKnow, submitClusterCommand } from '../clusters/submit.js';
import { ProblemError, rejectionProblem } from '../problem.js';
import { markAnswer } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { Writers } from '../writer/writers.js';
import { lbPoolView, memberView, type LbPoolView } from './lb-pool-view.js';
import { allPools, mayUsePool, mustFindPool, requirePool, whileNamesHold, type LocatedPool } from './locate.js';
import { refuseOverlap } from './overlap.js';
import { changeBody, drainBody, makeBody, requireOwner, settingsIn, type ChangeBody, type MakeBody } from './requests.js';

/** LB pools, of one cluster and shared: make, look at, change, drain, remove. */
@Controller('v1/lb-pools')
export class LbPoolsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Post()
  @RouteSchema({ body: makeBody })
  async make(@Body() body: MakeBody, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    requireOwner(body);
    requirePool(request, 'admin', body.cluster ?? null);
    const log = body.cluster ?? sharedPoolLog(body.name);
    const command: ClusterCommand = { type: 'ConfigureLbPool', ...clusterOrderBasis(log, isDryRun(request)), pool: body.name, settings: settingsIn(body), existing: 'refuse' };
    if (body.cluster !== undefined) await mustKnow(this.writers, body.cluster);
    else refuseForEver(command);
    const make = async (): Promise<void> => {
      const pools = await allPools(this.store);
      const other = pools.find(({ pool, head }) => pool.name === body.name && head.name !== log);
      if (other !== undefined) throw new ProblemError(rejectionProblem({ code: 'lb_pool_exists', pool: body.name }));
      refuseOverlap({ ...body, cluster: body.cluster ?? null }, pools);
      await this.submit(log, command, request, reply);
    };
    await (command.dryRun ? make() : whileNamesHold(this.store, make));
  }

  /** Those that may be read. */
  @Get()
  async list(@Req() request: FastifyRequest, @Query('cluster') cluster?: string, @Query('continue') after?: string): Promise<{ items: LbPoolView[]; continue?: string }> {
    const limit = wholeNumber(request, 'limit', { min: 1, max: 1000, otherwise: 100 });
    const found = (await allPools(this.store)).filter((one) =>
      mayUsePool(request, 'reader', one.cluster) && (after === undefined || one.pool.name > after) && (cluster === undefined || servesCluster(one, cluster)));
    const page = found.slice(0, limit);
    const items = await Promise.all(page.map((one) => this.view(one)));
    const last = page.at(-1);
    return found.length > limit && last !== undefined ? { items, continue: last.pool.name } : { items };
  }

  @Get(':pool')
  async get(@Param('pool') name: string, @Req() request: FastifyRequest, @Query('continue') after?: string): Promise<object> {
    const limit = wholeNumber(request, 'limit', { min: 1, max: 1000, otherwise: 100 });
    const located = await mustFindPool(this.store, name, request, 'reader');
    const { members, next } = await this.members(located, after, limit);
    return { ...await this.view(located), members: members.map(memberView), ...(next !== undefined && { continue: next }) };
  }

  /** All of its settings anew; what is missing is as by default. */
  @Put(':pool')
  @RouteSchema({ body: changeBody })
  async change(@Param('pool') name: string, @Body() body: ChangeBody, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { head, cluster } = await mustFindPool(this.store, name, request, 'admin');
    const command: ClusterCommand = { type: 'ConfigureLbPool', ...clusterOrderBasis(head.name, isDryRun(request)), pool: name, settings: settingsIn(body), existing: 'replace' };
    const change = async (): Promise<void> => {
      refuseOverlap({ ...body, name, cluster }, await allPools(this.store));
      await this.submit(head.name, command, request, reply);
    };
    await (command.dryRun ? change() : whileNamesHold(this.store, change));
  }

  @Delete(':pool')
  async remove(@Param('pool') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { head } = await mustFindPool(this.store, name, request, 'admin');
    await this.submit(head.name, { type: 'RemoveLbPool', ...clusterOrderBasis(head.name, isDryRun(request)), pool: name }, request, reply);
  }

  @Post(':pool/addresses::drain')
  @RouteSchema({ body: drainBody })
  drain(@Param('pool') name: string, @Body() { range }: { range?: string }, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.setDrain(name, range, true, request, reply);
  }

  @Post(':pool/addresses::undrain')
  @RouteSchema({ body: drainBody })
  undrain(@Param('pool') name: string, @Body() { range }: { range?: string }, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.setDrain(name, range, false, request, reply);
  }

  private async setDrain(name: string, range: string | undefined, drain: boolean, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { head } = await mustFindPool(this.store, name, request, 'admin');
    await this.submit(head.name, { type: 'DrainLbPool', ...clusterOrderBasis(head.name, isDryRun(request)), pool: name, range: range ?? null, drain }, request, reply);
  }

  private async submit(log: string, command: Extract<ClusterCommand, { pool: string }>, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const before = (await allPools(this.store)).find(({ pool }) => pool.name === command.pool);
    const { id } = command.dryRun ? ((await this.store.clusterByName(log)) ?? { id: undefined }) : await this.store.nameCluster(log);
    if (id === undefined) return void reply.code(201).send({ name: command.pool });
    const { status, revision, replayed } = await submitClusterCommand(this.commands, this.store, id, command, request);
    markAnswer(reply, revision, replayed);
    const after = (await allPools(this.store)).find(({ pool }) => pool.name === command.pool) ?? before;
    if (status === 201) reply.header('location', `/v1/lb-pools/${command.pool}`);
    void reply.code(status).send(after === undefined ? { name: command.pool } : await this.view(after));
  }

  private async view(located: LocatedPool): Promise<LbPoolView> {
    return lbPoolView(located, await this.writers.usageOfRanges(located.head, compileLbPool(located.pool).ranges));
  }

  /** Who has addresses of the pool, in the order of its ranges' addresses, from after a token on. */
  private async members({ head, pool }: LocatedPool, after: string | undefined, limit: number): Promise<{ members: StoredLbMember[]; next?: string }> {
    const ranges = compileLbPool(pool).ranges;
    const isInside = ({ address: text }: StoredLbMember): boolean => {
      const address = parseAddress(text);
      return ranges.some(({ family, range }) => address?.family === family && address.value >= range.first && address.value <= range.last);
    };
    const members: StoredLbMember[] = [];
    for (let key = after === undefined ? undefined : keyIn(after); ; ) {
      const page = await this.store.listLbMembers(head.id, key, limit);
      for (const member of page.filter(isInside)) {
        if (members.length === limit) return { members, next: tokenOf(members.at(-1) as StoredLbMember) };
        members.push(member);
      }
      if (page.length < limit) return { members };
      key = page.at(-1);
    }
  }
}

/** Decided on an empty log first: a shared pool that can never be made must not leave a row for its name, and a dry run says why. */
const refuseForEver = (command: ClusterCommand): void => {
  const trial = decide(command, new ClusterState(), undefined);
  if (trial.outcome === 'rejected') throw new ProblemError(rejectionProblem(trial.rejection));
};

const servesCluster = ({ cluster, pool }: LocatedPool, name: string): boolean => cluster === name || pool.clusters === 'all' || (pool.clusters?.includes(name) ?? false);

const tokenOf = ({ address, cluster, namespace, name }: LbMemberKey): string => [address, cluster, namespace, name].join('/');
const keyIn = (token: string): LbMemberKey => {
  const [text = '', cluster = '', namespace = '', name = '', ...more] = token.split('/');
  const address = parseAddress(text);
  if (address === undefined || more.length > 0) throw invalidRequest('continue', token, 'is no token that this list answered; start it again without');
  return { address: formatAddress(address), cluster, namespace, name };
};
