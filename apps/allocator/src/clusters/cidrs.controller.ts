import type { Claim, EventStore } from '@ipledger/event-store';
import { formatAddress, formatCidr, parseAddress, parseCidr, type Family } from '@ipledger/ip';
import { poolFigures, type PoolUsage } from '@ipledger/observability';
import { compileDefinition, type ClusterCommand, type ClusterDefinition, type Pool } from '@ipledger/services';
import { Body, Controller, Get, Inject, Param, Put, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError, rejectionProblem } from '../problem.js';
import { markAnswer } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { Writers } from '../writer/writers.js';
import { poolView, type PoolView } from './cluster-view.js';
import { clusterOrderBasis, invalidRequest, isDryRun, poolSettingsBody, wholeNumber } from './requests.js';
import { mustKnow, submitClusterCommand } from './submit.js';

/** A pool with what is held in it, in the order in which pools are used. Counts are those of the present. */
interface CidrView extends PoolView {
  /** From 0: an address is taken from the first open pool of its family that has one. */
  position: number;
  capacity: number;
  /** Decimal digits: the number above is rounded past 2^53. */
  capacityExact: string;
  allocated: { static: number; dynamic: number };
  reserved: number;
  coolingDown: number;
  /** What further requests can get; a draining pool gives nothing. */
  available: number;
  /** Only of a draining pool. `heldThen` is null when the drain began before this was recorded. */
  drain?: { since: string | null; heldThen: number | null; heldNow: number; done: boolean };
}

interface CidrDetail extends CidrView {
  holders: { address: string; namespace: string; name: string; uid: string; since: string; revision: number }[];
  continue?: string;
}

interface PoolSettingsRequest {
  staticBandAddresses?: number | null;
  coolDownSeconds?: number | null;
}

/** The pools of a cluster: how full, who holds them, and their settings. */
@Controller('v1/clusters/:cluster/cidrs')
export class CidrsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Get()
  async list(@Param('cluster') name: string): Promise<{ items: CidrView[]; revision: number }> {
    const { definition } = await mustKnow(this.writers, name);
    const usage = await this.usage(name);
    const items = compileDefinition(definition).pools.flatMap((pool, position) => cidrView(pool, position, definition, usage.pools));
    return { items, revision: usage.revision };
  }

  @Get(':network/:length')
  async get(@Param() params: Record<'cluster' | 'network' | 'length', string>, @Req() request: FastifyRequest, @Query('continue') after?: string): Promise<CidrDetail> {
    const limit = wholeNumber(request, 'limit', { min: 1, max: 1000, otherwise: 100 });
    const { id, definition } = await mustKnow(this.writers, params.cluster);
    const { pools } = compileDefinition(definition);
    const text = cidrText(params);
    const position = pools.findIndex(({ name }) => name === text);
    const pool = pools[position];
    if (pool === undefined) throw new ProblemError(rejectionProblem({ code: 'cidr_not_found', cluster: params.cluster, cidr: text }));
    const [view] = cidrView(pool, position, definition, (await this.usage(params.cluster)).pools);
    const claims = await this.holders(id, pool, after, limit + 1);
    const page = claims.slice(0, limit);
    const last = page.at(-1);
    return {
      ...(view as CidrView),
      holders: page.map(({ address, namespace, name, uid, since, revision }) => ({ address, namespace, name, uid, since: since.toISOString(), revision })),
      ...(claims.length > limit && last !== undefined && { continue: last.address }),
    };
  }

  /** The settings anew; what is missing or null is as Kubernetes has it. */
  @Put(':network/:length')
  @RouteSchema({ body: poolSettingsBody })
  async configure(
    @Param() params: Record<'cluster' | 'network' | 'length', string>, @Body() body: PoolSettingsRequest, @Req() request: FastifyRequest, @Res() reply: FastifyReply,
  ): Promise<void> {
    const { id } = await mustKnow(this.writers, params.cluster);
    const { staticBandAddresses = null, coolDownSeconds = null } = body;
    const command: ClusterCommand = { type: 'ConfigurePool', ...clusterOrderBasis(params.cluster, isDryRun(request)), cidr: cidrText(params), staticBandAddresses, coolDownSeconds };
    const outcome = await submitClusterCommand(this.commands, this.store, id, command, request);
    markAnswer(reply, outcome.revision, outcome.replayed);
    const { definition } = await mustKnow(this.writers, params.cluster);
    const pool = compileDefinition(definition).pools.find(({ name }) => name === command.cidr);
    void reply.code(200).send(pool === undefined ? {} : poolView(pool));
  }

  private async usage(name: string): Promise<{ pools: readonly PoolUsage[]; revision: number }> {
    const cluster = await this.writers.usageOfCluster(name);
    if (cluster === undefined) throw new ProblemError(rejectionProblem({ code: 'cluster_not_found', cluster: name }));
    return cluster;
  }

  /** The claims in a pool, lowest first, from after an address on. */
  private async holders(id: number, { range, family }: Pool, after: string | undefined, limit: number): Promise<Claim[]> {
    const from = after === undefined ? { family, value: range.first - 1n } : parseAddress(after);
    if (from === undefined || from.family !== family) throw invalidRequest('continue', after, 'is no token that this list answered; start it again without');
    const claims = await this.store.listClaims(id, formatAddress(from), limit);
    return claims.filter(({ address }) => isWithin(address, family, range.last));
  }
}

const isWithin = (text: string, family: Family, last: bigint): boolean => {
  const address = parseAddress(text);
  return address?.family === family && address.value <= last;
};

/** Canonical where it is a CIDR at all; the domain says what is wrong with the rest. */
const cidrText = ({ network, length }: Record<'network' | 'length', string>): string => {
  const cidr = parseCidr(`${network}/${length}`);
  return cidr === undefined ? `${network}/${length}` : formatCidr(cidr);
};

/** None when the pool is gone between two reads. */
const cidrView = (pool: Pool, position: number, definition: ClusterDefinition, usages: readonly PoolUsage[]): CidrView[] => {
  const usage = usages.find(({ pool: name }) => name === pool.name);
  if (usage === undefined) return [];
  const { capacity, reserved, coolingDown, available } = poolFigures(usage);
  const heldNow = usage.static.allocated + usage.dynamic.allocated;
  const { since = null, held = null } = definition.drains?.[pool.name] ?? {};
  return [{
    ...poolView(pool), position, capacity: Number(capacity), capacityExact: String(capacity),
    allocated: { static: usage.static.allocated, dynamic: usage.dynamic.allocated },
    reserved: Number(reserved), coolingDown: Number(coolingDown), available: Number(available.static + available.dynamic),
    ...(pool.state === 'draining' && { drain: { since, heldThen: held, heldNow, done: heldNow === 0 } }),
  }];
};
