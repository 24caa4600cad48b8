import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { openGuard, Refused, type AccessSetUp } from '@ipledger/access';
import { StoreError, type EventStore } from '@ipledger/event-store';
import { StatsModule, type Stats } from '@ipledger/observability';
import { answerProbes, Connections, contentTypes, httpEdgeOptions, markEveryAnswer, negotiateFormat, problem, ProblemError, type Logger, type MetricsRegistry, type Problem } from '@ipledger/runtime';
import { LogFollowers, ViewsModule, type ViewsReader } from '@ipledger/views';
import { Catch, Controller, Get, HttpException, Inject, Module, NotFoundException, Req, Res, type ArgumentsHost, type DynamicModule, type ExceptionFilter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export interface ProjectorHttpOptions {
  store: EventStore;
  views: ViewsReader;
  stats: Stats;
  registry: MetricsRegistry;
  logger: Logger;
  isStopping(): boolean;
}

const OPTIONS = Symbol('options of the projector');
const readyTimeoutMs = 2_000;

@Controller()
class HealthController {
  constructor(@Inject(OPTIONS) private readonly options: ProjectorHttpOptions) {}

  @Get('livez')
  live(): string {
    return 'ok\n';
  }

  /** Lag is a metric and an alert, never unreadiness: what is reflected is served, and says how far that is. */
  @Get('readyz')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const why = this.options.isStopping() ? 'stopping' : await this.databaseProblem();
    void reply.code(why === undefined ? 200 : 503).type('text/plain; charset=utf-8').send(why === undefined ? 'ok\n' : `not ready: ${why}\n`);
  }

  @Get('metrics')
  async scrape(@Req() { headers }: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const format = negotiateFormat(headers.accept);
    void reply.header('vary', 'Accept').type(contentTypes[format]).send(await this.options.registry.render(format));
  }

  private async databaseProblem(): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<string>((resolve) => (timer = setTimeout(resolve, readyTimeoutMs, `a database did not answer within ${readyTimeoutMs} ms`)));
    const asked = Promise.all([this.options.store.ping(), this.options.views.ping()]).then(() => undefined, (error: unknown) => (error instanceof Error ? error.message : String(error)));
    return Promise.race([asked, timeout]).finally(() => clearTimeout(timer));
  }
}

/** Errors as problem documents: nothing here speaks the Kubernetes API. */
@Catch()
class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    this.answer(error, host.switchToHttp().getRequest<FastifyRequest>(), host.switchToHttp().getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    if (reply.sent) return;
    if (error instanceof Refused && error.reason === 'unauthenticated') reply.header('www-authenticate', 'Bearer realm="ipledger"');
    const answer = this.problemOf(error, request);
    const known = error instanceof ProblemError || error instanceof Refused ? error.retryAfterSeconds : undefined;
    const retryAfter = known ?? (answer.retriable ? 1 : undefined);
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
    void reply.code(answer.status).type('application/problem+json').send(JSON.stringify(answer));
  }

  private problemOf(error: unknown, request: FastifyRequest): Problem {
    if (error instanceof ProblemError) return error.problem;
    if (error instanceof Refused) return problem(error.reason, error.message);
    if (error instanceof NotFoundException) return problem('not_found', `${request.method} ${request.url.split('?')[0]} does not exist here; an allocator may have it`);
    if (error instanceof StoreError && error.retriable) return problem('unavailable', error.message);
    const code = error instanceof HttpException ? error.getStatus() : (error as { statusCode?: number }).statusCode;
    if (code !== undefined && code < 500) return problem('invalid_request', error instanceof Error ? error.message : String(error));
    this.logger.error('a request failed', { requestId: request.id, method: request.method, url: request.url, error: error instanceof Error ? error.stack : String(error) });
    return problem('internal', `an unexpected error, logged under request id ${request.id}`);
  }
}

@Module({})
class ProjectorModule {
  static of(options: ProjectorHttpOptions, followers: LogFollowers): DynamicModule {
    return {
      module: ProjectorModule,
      imports: [ViewsModule.of({ store: options.store, views: options.views, followers }), StatsModule.of(options.stats)],
      controllers: [HealthController],
      providers: [{ provide: OPTIONS, useValue: options }],
    };
  }
}

export interface ProjectorHttp {
  /** @returns the port, which the system chooses when 0 is given */
  listen(port: number, host: string): Promise<number>;
  /** Answers those requests that were taken, ends every stream, then returns. */
  close(): Promise<void>;
  /** Serves on, but asks every client to send its next request elsewhere. */
  turnAway(): void;
}

/**
 * The queries of the views, health and metrics: what a projector serves.
 * @param access who gets in; without it everybody may read everything
 */
export const createProjectorHttp = async (options: ProjectorHttpOptions, access?: AccessSetUp): Promise<ProjectorHttp> => {
  const adapter = new FastifyAdapter({ ...(access?.tls && { https: access.tls.options }), ...httpEdgeOptions });
  const followers = new LogFollowers(options.store);
  const app = await NestFactory.create<NestFastifyApplication>(ProjectorModule.of(options, followers), adapter, { bodyParser: false, logger: false });
  const errors = new ProblemFilter(options.logger);
  app.useGlobalFilters(errors);
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  const connections = new Connections(fastify);
  markEveryAnswer(fastify);
  answerProbes(fastify);
  (access?.guard ?? openGuard()).install(fastify, (refused, request, reply) => errors.answer(refused, request, reply));
  await app.init();
  access?.observe(options.registry);
  access?.tls?.serve(fastify.server as Server);
  return {
    listen: async (port, host) => {
      await app.listen(port, host);
      return (app.getHttpServer().address() as AddressInfo).port;
    },
    turnAway: () => connections.turnAway(),
    close: async () => {
      followers.end();
      await connections.endWith(() => app.close());
    },
  };
};
