import { Refused } from '@ipledger/access';
import type { Logger } from '@ipledger/runtime';
import { StoreError } from '@ipledger/event-store';
import { Catch, HttpException, NotFoundException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pathAnswer } from './kubernetes/paths.js';
import { representationOf, yamlText } from './kubernetes/representation.js';
import { badRequest, forbiddenStatus, internalError, status, tooManyRequests, unauthorized, unavailable, type StatusAnswer } from './kubernetes/status.js';
import { StatusError } from './kubernetes/status-error.js';
import { sendWarnings } from './kubernetes/warnings.js';
import { problem, ProblemError, type Problem } from './problem.js';
import { isFor } from './request-context.js';
import { QueueFull, WriterUnavailable } from './writer/order.js';

export const bodyBytesMax = 3 * 1024 * 1024;

/** The one place where an error becomes an answer: a `Status` under `/clusters/`, a problem document elsewhere. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    if (reply.sent) return void this.logged(error, request); // what the client gets is cut off
    if (error instanceof Refused && error.reason === 'unauthenticated') reply.header('www-authenticate', 'Bearer realm="ipledger"');
    if (isFor('/clusters/', request)) this.sendStatus(error, request, reply);
    else this.sendProblem(error, request, reply);
  }

  private sendStatus(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    if (error instanceof NotFoundException) {
      const answer = pathAnswer(request.url);
      if (answer === undefined) void reply.code(404).type('text/plain; charset=utf-8').send('404 page not found\n');
      else send(reply, answer, wantsYaml(request));
      return;
    }
    if (error instanceof StatusError) sendWarnings(reply, error.warnings);
    send(reply, this.statusOf(error, request), wantsYaml(request));
  }

  /** Any error as a `Status`, for the items of a bulk request too. */
  statusOf(error: unknown, request: FastifyRequest): StatusAnswer {
    if (error instanceof StatusError) return error.answer;
    if (error instanceof Refused) return refusedStatus(error);
    if (error instanceof QueueFull) return tooManyRequests(error.message, error.retryAfterSeconds);
    if (isUnavailable(error)) return unavailable(error.message, 1);
    const code = codeOf(error);
    if (code === 408) return status(408, 'RequestTimeout', messageOf(error), {});
    if (code === 413) return status(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${bodyBytesMax}`, {});
    if (code === 415) return status(415, 'UnsupportedMediaType', messageOf(error), {});
    if (code !== undefined && code < 500) return badRequest(messageOf(error));
    return internalError(this.logged(error, request));
  }

  private sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const answer = error instanceof ProblemError ? error.problem : this.problemOf(error, request);
    const retryAfter = error instanceof ProblemError || (error instanceof Refused && error.retryAfterSeconds !== undefined) ? error.retryAfterSeconds : answer.retriable ? 1 : undefined;
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
    void reply.code(answer.status).type('application/problem+json').send(JSON.stringify(answer));
  }

  private problemOf(error: unknown, request: FastifyRequest): Problem {
    if (error instanceof NotFoundException) return problem('not_found', `${request.method} ${request.url.split('?')[0]} does not exist; /docs lists what does`);
    if (error instanceof Refused) return problem(error.reason, error.message);
    if (error instanceof QueueFull) return problem('too_many_requests', error.message);
    if (isUnavailable(error)) return problem('unavailable', error.message);
    const code = codeOf(error);
    if (code === 408) return problem('request_timeout', messageOf(error));
    if (code === 413) return problem('request_too_large', `the body may have ${bodyBytesMax} bytes`);
    if (code === 415) return problem('unsupported_media_type', messageOf(error));
    if (code !== undefined && code < 500) return problem('invalid_request', messageOf(error));
    return problem('internal', this.logged(error, request));
  }

  /** What is nobody's fault but ours is logged in full, and answered with the id to find it by. */
  private logged(error: unknown, request: FastifyRequest): string {
    const stack = error instanceof Error ? error.stack : String(error);
    this.logger.error('a request failed', { requestId: request.id, method: request.method, url: request.url, error: stack });
    return `an unexpected error, logged under request id ${request.id}`;
  }
}

const send = (reply: FastifyReply, answer: StatusAnswer, asYaml: boolean): void => {
  if (answer.retryAfterSeconds !== undefined) reply.header('retry-after', String(answer.retryAfterSeconds));
  void reply.code(answer.code).type(asYaml ? 'application/yaml' : 'application/json').send(asYaml ? yamlText(answer.body) : answer.body);
};

/** A refusal comes in the form of the answer that it stands for. */
const wantsYaml = (request: FastifyRequest): boolean => {
  if (request.headers.accept?.includes('yaml') !== true) return false;
  try {
    const form = representationOf(request);
    return form.kind === 'object' && form.yaml;
  } catch {
    return false; // that nothing of what is accepted is served is said in JSON
  }
};

/** Why a request may not go on is told in upstream's words; that of a missing identity not at all. */
const refusedStatus = ({ reason, message, about, retryAfterSeconds = 1 }: Refused): StatusAnswer => {
  switch (reason) {
    case 'unauthenticated': return unauthorized();
    case 'forbidden': return forbiddenStatus(message, about);
    case 'too_many_requests': return tooManyRequests(message, retryAfterSeconds);
    case 'unavailable': return unavailable(message, retryAfterSeconds);
  }
};

const isUnavailable = (error: unknown): error is Error =>
  error instanceof WriterUnavailable || (error instanceof StoreError && error.retriable);

/** The HTTP code that Nest or Fastify gave an error; undefined for any other error. */
const codeOf = (error: unknown): number | undefined => {
  if (error instanceof HttpException) return error.getStatus();
  const code = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof code === 'number' ? code : undefined;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
