import { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { Controller, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bodyBytesMax, ErrorFilter } from '../error.filter.js';
import { bodyOf } from '../kubernetes/request.js';
import { ProblemError, rejectionProblem } from '../problem.js';
import { STOPPING } from '../tokens.js';
import { WriterUnavailable } from '../writer/order.js';
import { Writers } from '../writer/writers.js';
import { batchOptions, readEnvelope } from './envelope.js';
import { inOrder } from './in-order.js';
import { linesOf, type Line } from './lines.js';
import { answerItem, answerUnit, contentOf, itemOfLine, type BatchTarget } from './services-batch.js';

/** Items of a run of lines under way at once: one append takes up to 256, and as many are decided meanwhile. */
const windowMax = 512;
/** A run of lines in which nothing moves for so long, in neither direction, is ended. */
const idleMsMax = 60_000;

/** Many Services of a cluster created, replaced, patched and deleted in one request. */
@Controller('v1/clusters/:cluster')
export class ServicesBatchController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    private readonly errors: ErrorFilter,
    @Inject(STOPPING) private readonly isStopping: () => boolean,
  ) {}

  @Post('services::batch')
  @RouteConfig({ readsBody: true })
  async batch(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const target = await this.target(name, request);
    if (request.body instanceof IncomingMessage) return this.sendRun(target, request.body, reply);
    const { items, atomic } = readEnvelope(request);
    const content = contentOf(request, bodyOf(request));
    const answers = atomic ? await answerUnit(target, items, content) : await Promise.all(items.map((item, index) => answerItem(target, item, index, content)));
    void reply.code(200).type('application/json').send(`{"items":[${answers.join(',')}]}`);
  }

  /** The answers go out while the lines come in; who does not take the answers is not read from. */
  private sendRun(target: BatchTarget, body: IncomingMessage, reply: FastifyReply): void {
    body.setTimeout(idleMsMax, () => body.destroy());
    const answers = inOrder(this.untilStopping(linesOf(body, bodyBytesMax)), windowMax, (line, index) => {
      if (line === 'stopping') return answerItem(target, new WriterUnavailable('this process is stopping; send the rest again'), index, null);
      return answerItem(target, itemOfLine(line, bodyBytesMax), index, 'bytes' in line ? contentOf(target.request, line.bytes) : null);
    });
    void reply.code(200).type('application/x-ndjson').send(Readable.from(pages(answers), { objectMode: false }));
  }

  /** A process that stops takes no more lines; the last answer says so. */
  private async *untilStopping(lines: AsyncIterable<Line>): AsyncGenerator<Line | 'stopping'> {
    for await (const line of lines) {
      if (this.isStopping()) return yield 'stopping';
      yield line;
    }
  }

  private async target(name: string, request: FastifyRequest): Promise<BatchTarget> {
    const options = batchOptions(request);
    const cluster = (await this.writers.find(name)) ?? (await this.writers.findNow(name));
    if (cluster === undefined) throw new ProblemError(rejectionProblem({ code: 'cluster_not_found', cluster: name }));
    return { commands: this.commands, cluster: { id: cluster.id, name }, request, options, statusOf: (error) => this.errors.statusOf(error, request) };
  }
}

async function* pages(answers: AsyncIterable<string[]>): AsyncGenerator<string> {
  for await (const page of answers) yield `${page.join('\n')}\n`;
}
