import { goQuote } from '@ipledger/services';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isFor } from '../request-context.js';
import { queryOf } from './request.js';
import { badRequest } from './status.js';
import { StatusError } from './status-error.js';

const units = new Set(['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h']);

/**
 * A client may send a `timeout` with every request but a watch: refused when it is no duration of Go, and of no effect otherwise,
 * since a request has its answer long before any timeout that a client would send.
 * @see k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go
 */
export const refuseTimeouts = (fastify: FastifyInstance): void => {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const problem = isFor('/clusters/', request) && request.url.includes('timeout=') ? timeoutProblem(request) : undefined;
    if (problem === undefined) done();
    else done(new StatusError(badRequest(`invalid timeout specified in the request URL - time: ${problem}`)));
  });
};

const timeoutProblem = (request: FastifyRequest): string | undefined => {
  const query = queryOf(request);
  const text = query.get('timeout') ?? '';
  const isWatch = !['', '0', 'false'].includes(query.get('watch') ?? '');
  return text === '' || isWatch ? undefined : durationProblem(text);
};

/** In Go's words, without the `time: ` before them. @see Go's time.ParseDuration */
export const durationProblem = (text: string): string | undefined => {
  let rest = text.replace(/^[+-]/, '');
  if (rest === '0') return undefined;
  do {
    const [, whole = '', fraction = '', unit = ''] = /^(\d*)(?:\.(\d*))?([^.\d]*)/.exec(rest) as RegExpExecArray;
    if (whole === '' && fraction === '') return `invalid duration ${goQuote(text)}`;
    if (unit === '') return `missing unit in duration ${goQuote(text)}`;
    if (!units.has(unit)) return `unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`;
    rest = rest.replace(/^\d*(?:\.\d*)?[^.\d]*/, '');
  } while (rest !== '');
  return undefined;
};
