import type { EventStore } from '@ipledger/event-store';
import { Controller, Get, Inject, Module, Param, Req, Res, type DynamicModule } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { queryAddress } from './queries/address.js';
import { askedCluster, askedSharedPool, type AskedLog, type Sources } from './queries/ask.js';
import { followFrom, isFollowing, queryEvents } from './queries/events.js';
import type { LogFollowers } from './queries/follow.js';
import { queryLbAddresses, queryLbWaiting } from './queries/lb-addresses.js';
import { queryNodePort, queryNodePorts } from './queries/node-ports.js';
import { queryPoolMap } from './queries/pool-map.js';
import { queryPools } from './queries/pools.js';
import { queryServices } from './queries/services.js';
import type { ViewsReader } from './queries/views-reader.js';

const SOURCES = Symbol('sources of queries');
const FOLLOWERS = Symbol('followers of logs');

/** What is asked of a cluster besides its Services: mounted by allocator and projector alike, so that any replica answers (design D10). */
@Controller('v1/clusters/:cluster')
class ViewsController {
  constructor(@Inject(SOURCES) private readonly sources: Sources, @Inject(FOLLOWERS) private readonly followers: LogFollowers) {}

  @Get('addresses/:ip')
  async address(@Param('cluster') cluster: string, @Param('ip') ip: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryAddress(this.sources, await askedCluster(this.sources, cluster), ip, query);
  }

  @Get('pools')
  async pools(@Param('cluster') cluster: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryPools(this.sources, await askedCluster(this.sources, cluster), query);
  }

  @Get('pools/:cidr/map')
  async poolMap(@Param('cluster') cluster: string, @Param('cidr') cidr: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryPoolMap(this.sources, await askedCluster(this.sources, cluster), cidr, query);
  }

  @Get('lb-addresses')
  async lbAddresses(@Param('cluster') cluster: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryLbAddresses(this.sources, await askedCluster(this.sources, cluster), query);
  }

  @Get('lb-waiting')
  async lbWaiting(@Param('cluster') cluster: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryLbWaiting(this.sources, await askedCluster(this.sources, cluster), query);
  }

  @Get('node-ports')
  nodePorts(@Param('cluster') cluster: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryNodePorts(this.sources, cluster, query);
  }

  @Get('node-ports/:port')
  nodePort(@Param('cluster') cluster: string, @Param('port') port: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryNodePort(this.sources, cluster, port, query);
  }

  @Get('services')
  services(@Param('cluster') cluster: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryServices(this.sources, cluster, query);
  }

  @Get('events')
  async events(@Param('cluster') cluster: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await answerEvents(this.sources, this.followers, await askedCluster(this.sources, cluster), request, reply);
  }
}

/** What is asked of a shared LB pool, which has a log of its own, as of a cluster. */
@Controller('v1/lb-pools/:pool')
class SharedPoolController {
  constructor(@Inject(SOURCES) private readonly sources: Sources, @Inject(FOLLOWERS) private readonly followers: LogFollowers) {}

  @Get('ranges')
  async ranges(@Param('pool') pool: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryPools(this.sources, await askedSharedPool(this.sources, pool), query);
  }

  @Get('ranges/:range/map')
  async rangeMap(@Param('pool') pool: string, @Param('range') range: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryPoolMap(this.sources, await askedSharedPool(this.sources, pool), range, query);
  }

  @Get('addresses')
  async addresses(@Param('pool') pool: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryLbAddresses(this.sources, await askedSharedPool(this.sources, pool), query);
  }

  @Get('addresses/:ip')
  async address(@Param('pool') pool: string, @Param('ip') ip: string, @Req() { query }: FastifyRequest): Promise<object> {
    return queryAddress(this.sources, await askedSharedPool(this.sources, pool), ip, query);
  }

  @Get('events')
  async events(@Param('pool') pool: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await answerEvents(this.sources, this.followers, await askedSharedPool(this.sources, pool), request, reply);
  }
}

const answerEvents = async (sources: Sources, followers: LogFollowers, log: AskedLog, { query, headers }: FastifyRequest, reply: FastifyReply): Promise<void> => {
  if (!isFollowing(query)) return void reply.send(await queryEvents(sources, log, query));
  const lastEventId = headers['last-event-id'];
  const after = followFrom(log, query, Array.isArray(lastEventId) ? lastEventId[0] : lastEventId);
  reply.hijack();
  await followers.follow(log, after, reply.raw);
};

export interface ViewsModuleOptions {
  store: EventStore;
  /** null where no views are served: then only the log and the claims answer. */
  views: ViewsReader | null;
  followers: LogFollowers;
}

@Module({})
export class ViewsModule {
  static of({ store, views, followers }: ViewsModuleOptions): DynamicModule {
    const sources: Sources = { store, views };
    return {
      module: ViewsModule,
      controllers: [ViewsController, SharedPoolController],
      providers: [{ provide: SOURCES, useValue: sources }, { provide: FOLLOWERS, useValue: followers }],
    };
  }
}
