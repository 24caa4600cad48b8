import type { EventStore } from '@ipledger/event-store';
import { Body, Controller, Get, Inject, Param, Put, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clusterOrderBasis, isDryRun } from '../clusters/requests.js';
import { mustKnow, submitClusterCommand } from '../clusters/submit.js';
import { markAnswer } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { Writers } from '../writer/writers.js';
import { loadBalancingBody } from './requests.js';

interface LoadBalancing {
  defaultLoadBalancer: boolean;
}

/** Whether a cluster serves Services of type LoadBalancer without a class. */
@Controller('v1/clusters/:cluster/load-balancing')
export class LoadBalancingController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Get()
  async get(@Param('cluster') cluster: string): Promise<LoadBalancing> {
    const { definition } = await mustKnow(this.writers, cluster);
    return { defaultLoadBalancer: definition.defaultLoadBalancer ?? false };
  }

  /** Those that are there already are served by the assigner, in a moment; those that were served stay so. */
  @Put()
  @RouteSchema({ body: loadBalancingBody })
  async declare(@Param('cluster') cluster: string, @Body() { defaultLoadBalancer }: LoadBalancing, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = await mustKnow(this.writers, cluster);
    const outcome = await submitClusterCommand(this.commands, this.store, id, { type: 'DeclareClusterLoadBalancing', ...clusterOrderBasis(cluster, isDryRun(request)), defaultLoadBalancer }, request);
    markAnswer(reply, outcome.revision, outcome.replayed);
    void reply.code(200).send({ defaultLoadBalancer });
  }
}
