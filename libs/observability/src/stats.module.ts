import { invalidRequest, problem, ProblemError } from '@ipledger/runtime';
import { Controller, Get, Inject, Module, Param, Query, Res, type DynamicModule } from '@nestjs/common';
import { artifactNames, readArtifact } from './artifacts.js';
import { toCsv } from './stats/csv.js';
import { statsColumns, type Stats, type StatsList } from './stats/stats.js';

const STATS = Symbol('Stats');

/** What is used of a Fastify reply. */
interface Reply {
  type(contentType: string): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): unknown;
}
type Params = Readonly<Record<string, unknown>>;

/** Statistics for Grafana's Infinity data source and for spreadsheets: flat rows, `?format=csv` of each. */
@Controller('v1/stats')
class StatsController {
  constructor(@Inject(STATS) private readonly stats: Stats | null) {}

  @Get('clusters')
  clusters(@Query() query: Params, @Res() reply: Reply): Promise<void> {
    return this.answer('clusters', query, reply);
  }

  @Get('pools')
  pools(@Query() query: Params, @Res() reply: Reply): Promise<void> {
    return this.answer('pools', query, reply);
  }

  @Get('pools/history')
  history(@Query() query: Params, @Res() reply: Reply): Promise<void> {
    return this.answer('pools/history', query, reply);
  }

  @Get('namespaces')
  namespaces(@Query() query: Params, @Res() reply: Reply): Promise<void> {
    return this.answer('namespaces', query, reply);
  }

  @Get('services')
  services(@Query() query: Params, @Res() reply: Reply): Promise<void> {
    return this.answer('services', query, reply);
  }

  @Get('annotations')
  annotations(@Query() query: Params, @Res() reply: Reply): Promise<void> {
    return this.answer('annotations', query, reply);
  }

  @Get('options')
  options(@Query() query: Params, @Res() reply: Reply): Promise<void> {
    return this.answer('options', query, reply);
  }

  /** Rules, dashboards and provisioning files of the running version. */
  @Get('artifacts')
  artifacts(): { items: { name: string }[] } {
    return { items: artifactNames().map((name) => ({ name })) };
  }

  @Get('artifacts/*')
  artifact(@Param('*') name: string, @Res() reply: Reply): void {
    const text = readArtifact(name);
    if (text === undefined) throw new ProblemError(problem('not_found', `there is no artifact ${JSON.stringify(name)}; /v1/stats/artifacts lists them`));
    void reply.type(`application/${/\.(json|sql)$/.exec(name)?.[1] ?? 'yaml'}; charset=utf-8`).send(text);
  }

  private async answer(list: StatsList, query: Params, reply: Reply): Promise<void> {
    if (this.stats === null) throw new ProblemError(problem('unavailable', 'this process serves no views'));
    const { format } = query;
    if (format !== undefined && format !== 'csv' && format !== 'json') throw invalidRequest('format', format, 'is not known; leave it out for JSON, or say format=csv');
    const answer = await this.stats.list(list, query);
    if (format === 'csv') void reply.type('text/csv; charset=utf-8').send(toCsv(answer.items, statsColumns[list]));
    else void reply.type('application/json; charset=utf-8').send(answer);
  }
}

/** @param stats null where there are no views to ask */
@Module({})
export class StatsModule {
  static of(stats: Stats | null): DynamicModule {
    return { module: StatsModule, controllers: [StatsController], providers: [{ provide: STATS, useValue: stats }] };
  }
}
