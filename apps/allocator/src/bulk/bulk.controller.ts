import type { EventStore } from '@ipledger/event-store';
import { parseLabelSelector } from '@ipledger/services';
import { Body, Controller, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidRequest } from '../clusters/requests.js';
import { mustKnow } from '../clusters/submit.js';
import { orderBasis } from '../kubernetes/request.js';
import { orderOf } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { SubmitOrder } from '../writer/submit.handler.js';
import { Writers, type KnownCluster } from '../writer/writers.js';
import { submitPatiently } from './bounded.js';
import { answerWithProgress } from './progress.js';
import { topUpBody, type TopUpBody } from './requests.js';
import { emptyReport, topUp, type TopUpTools } from './top-up.js';

/** What is done to many Services of a cluster in one request, as a command for each. */
@Controller('v1/clusters/:cluster')
export class BulkController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Post('services::topup')
  @RouteSchema({ body: topUpBody })
  async topUp(@Param('cluster') name: string, @Body() body: TopUpBody, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await mustKnow(this.writers, name);
    const { selector, namespaces, dryRun = false, ratePerSecond } = body;
    const parsed = selector === undefined ? undefined : parseLabelSelector(selector);
    if (parsed !== undefined && 'failure' in parsed) throw invalidRequest('selector', selector, `is not a label selector: ${parsed.failure}`);
    const report = emptyReport(dryRun);
    await answerWithProgress(request, reply, report, (signal) => {
      const wish = { selects: parsed?.matches, namespaces: namespaces && [...new Set(namespaces)].sort(), dryRun, ratePerSecond, signal };
      return topUp(this.topUpTools(name, cluster, request, signal), cluster, wish, report);
    });
  }

  private topUpTools(name: string, cluster: KnownCluster, request: FastifyRequest, signal: AbortSignal): TopUpTools {
    return {
      store: this.store,
      submit: (key) => {
        const command = { type: 'TopUpService' as const, ...orderBasis(key.namespace, { dryRun: false, fieldManager: '' }), name: key.name };
        return submitPatiently(this.commands, new SubmitOrder(cluster.id, name, { ...orderOf(request, command, undefined), idempotency: null }), signal);
      },
      free: (family) => this.writers.free(name, family),
    };
  }
}
