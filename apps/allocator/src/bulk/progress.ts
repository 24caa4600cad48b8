import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '../problem.js';
import { header } from '../request-context.js';
import { QueueFull, WriterUnavailable } from '../writer/order.js';

const progressMs = 1_000;

/**
 * Runs bulk work and answers its report when it is done; or, to a client that accepts `application/x-ndjson`, a line with
 * the report so far each second, and the last one with `"done": true`. When the client goes away the work ends early: what
 * was committed stays, and the same request goes on from there.
 * @param report kept current by `work`, which may write lines of its own in between
 */
export const answerWithProgress = async (request: FastifyRequest, reply: FastifyReply, report: object, work: (signal: AbortSignal, write: (line: object) => void) => Promise<void>): Promise<void> => {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  if (!(header(request, 'accept') ?? '').includes('application/x-ndjson')) {
    await work(gone.signal, () => undefined);
    void reply.code(200).send(report);
    return;
  }
  const lines = new PassThrough();
  const write = (line: object): void => void lines.write(`${JSON.stringify(line)}\n`);
  const timer = setInterval(() => write({ done: false, ...report }), progressMs);
  void reply.code(200).type('application/x-ndjson').header('cache-control', 'no-cache').send(lines);
  try {
    await work(gone.signal, write);
    write({ done: true, ...report });
  } catch (error) {
    // The status has gone out: how it ended is said in the last line.
    if (!(error instanceof QueueFull || error instanceof WriterUnavailable)) throw lines.destroy(error as Error);
    write({ done: false, ...report, problem: problem('unavailable', error.message) });
  } finally {
    clearInterval(timer);
    lines.end();
  }
};
