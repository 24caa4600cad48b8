import type { EventStore } from '@ipledger/event-store';
import { contentTypes, negotiateFormat } from '@ipledger/runtime';
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AllocatorMetrics } from './metrics.js';
import { problem, ProblemError, rejectionProblem } from './problem.js';
import { header } from './request-context.js';
import { EVENT_STORE, STOPPING } from './tokens.js';

const readyTimeoutMs = 2_000;

/** Is the process alive, can it serve, and what does it count. Lag is a metric and an alert, never unreadiness. */
@Controller()
export class HealthController {
  constructor(
    private readonly metrics: AllocatorMetrics,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(STOPPING) private readonly isStopping: () => boolean,
  ) {}

  @Get('livez')
  live(): string {
    return 'ok\n';
  }

  @Get('readyz')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const why = this.isStopping() ? 'stopping' : await this.databaseProblem();
    void reply.code(why === undefined ? 200 : 503).type('text/plain; charset=utf-8').send(why === undefined ? 'ok\n' : `not ready: ${why}\n`);
  }

  @Get('metrics')
  async scrape(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const format = negotiateFormat(header(request, 'accept'));
    const text = await this.metrics.registry.render(format);
    void reply.header('vary', 'Accept').type(contentTypes[format]).send(text);
  }

  /** kube-apiserver's names. `?cluster=NAME`: of one cluster, without a label for it. */
  @Get('metrics/kubernetes')
  async scrapeKubernetes(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Query('cluster') cluster?: string): Promise<void> {
    const format = negotiateFormat(header(request, 'accept'));
    const clusters = await this.metrics.clusters().catch((error: Error) => { throw new ProblemError(problem('unavailable', error.message)); });
    if (cluster !== undefined && !clusters.some((known) => known.cluster === cluster)) throw new ProblemError(rejectionProblem({ code: 'cluster_not_found', cluster }));
    const text = await this.metrics.renderKubernetes(clusters, format, cluster);
    void reply.header('vary', 'Accept').type(contentTypes[format]).send(text);
  }

  private async databaseProblem(): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<string>((resolve) => (timer = setTimeout(resolve, readyTimeoutMs, `the database did not answer within ${readyTimeoutMs} ms`)));
    const asked = this.store.ping().then(() => undefined, (error: unknown) => (error instanceof Error ? error.message : String(error)));
    return Promise.race([asked, timeout]).finally(() => clearTimeout(timer));
  }
}
