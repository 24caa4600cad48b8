import { IncomingMessage } from 'node:http';
import type { EventStore } from '@ipledger/event-store';
import { parseLabelSelector, type ServiceCommand } from '@ipledger/services';
import { Body, Controller, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteConfig, RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidRequest, isDryRun } from '../clusters/requests.js';
import { mustKnow } from '../clusters/submit.js';
import { orderBasis } from '../kubernetes/request.js';
import { problem, ProblemError } from '../problem.js';
import { orderOf } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { SubmitOrder } from '../writer/submit.handler.js';
import { Writers, type KnownCluster } from '../writer/writers.js';
import { bodyBytesMax } from '../error.filter.js';
import { submitPatiently } from './bounded.js';
import { emptyImportReport, importLines } from './import.js';
import { linesOf } from './lines.js';
import { answerWithProgress } from './progress.js';
import { topUpBody, type TopUpBody } from './requests.js';
import { emptyReport, topUp, type TopUpTools } from './top-up.js';

/** A body in which nothing comes for so long is given up. */
const idleMsMax = 60_000;

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
    const { selector, namespaces, ratePerSecond } = body;
    const dryRun = isDryRun(request) || body.dryRun === true;
    const parsed = selector === undefined ? undefined : parseLabelSelector(selector);
    if (parsed !== undefined && 'failure' in parsed) throw invalidRequest('selector', selector, `is not a label selector: ${parsed.failure}`);
    const report = emptyReport(dryRun);
    await answerWithProgress(request, reply, report, (signal) => {
      const wish = { selects: parsed?.matches, namespaces: namespaces && [...new Set(namespaces)].sort(), dryRun, ratePerSecond, signal };
      return topUp(this.topUpTools(name, cluster, request, signal), cluster, wish, report);
    });
  }

  /** Lines of Services as another API server has them. `?existing=replace` brings those in line that differ: see the follower. */
  @Post('services::import')
  @RouteConfig({ readsBody: true })
  async import(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply, @Query('existing') existing = 'keep'): Promise<void> {
    const body = request.body;
    if (!(body instanceof IncomingMessage)) throw new ProblemError(problem('unsupported_media_type', 'send application/x-ndjson: a Service on each line, as kubectl get -o json | jq -c .items[] makes them'));
    const dryRun = isDryRun(request);
    if (existing !== 'keep' && existing !== 'replace') throw invalidRequest('existing', existing, 'is not known; leave it out, or say existing=replace');
    const cluster = await mustKnow(this.writers, name);
    body.setTimeout(idleMsMax, () => body.destroy());
    const report = emptyImportReport(dryRun);
    await answerWithProgress(request, reply, report, (signal, write) => {
      const submit = (command: ServiceCommand) => submitPatiently(this.commands, new SubmitOrder(cluster.id, name, { ...orderOf(request, command, undefined), idempotency: null }), signal);
      return importLines({ submit, conflict: (conflict) => write({ conflict }) }, linesOf(body, bodyBytesMax), existing, { ratePerSecond: undefined, signal }, report);
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
