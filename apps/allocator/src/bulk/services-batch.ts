import { readJsonBytes } from '@ipledger/services';
import type { CommandBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { badRequest, rejectionStatus, requestDiffers, status, type StatusAnswer } from '../kubernetes/status.js';
import { StatusError } from '../kubernetes/status-error.js';
import type { WriteOptions } from '../kubernetes/request.js';
import { fingerprint, header, orderOf } from '../request-context.js';
import type { Order, UnitOutcome } from '../writer/order.js';
import { SubmitOrder, SubmitUnit } from '../writer/submit.handler.js';
import type { RawItem } from './envelope.js';
import { serviceItem, type ServiceItem } from './service-item.js';

/** Where the items of one bulk request go. */
export interface BatchTarget {
  commands: CommandBus;
  cluster: { id: number; name: string };
  request: FastifyRequest;
  options: WriteOptions;
  /** Any error as a `Status`. */
  statusOf(error: unknown): StatusAnswer;
}

/**
 * One item, by itself, as JSON text of its answer. Never rejects.
 * @param content the bytes that the item, or the whole request, came in: a retry under the same key must have the same
 */
export const answerItem = async (target: BatchTarget, raw: RawItem | Error, index: number, content: string | null): Promise<string> => {
  try {
    if (raw instanceof Error) throw raw;
    const item = serviceItem(raw.value, raw.duplicates, target.options);
    const { id, name } = target.cluster;
    return answerText(target, await target.commands.execute(new SubmitOrder(id, name, orderOfItem(target, item, index, content))), item);
  } catch (error) {
    return errorText(target.statusOf(error));
  }
};

/** All items or none, in one append. The first that is not accepted says why; the others say that they were not done. */
export const answerUnit = async (target: BatchTarget, raws: readonly RawItem[], content: string | null): Promise<string[]> => {
  const items: ServiceItem[] = [];
  for (const [index, raw] of raws.entries()) {
    try {
      items.push(serviceItem(raw.value, raw.duplicates, target.options));
    } catch (error) {
      return raws.map((_, other) => errorText(other === index ? target.statusOf(error) : notDone(index)));
    }
  }
  const { id, name } = target.cluster;
  try {
    const outcomes = await target.commands.execute(new SubmitUnit(id, name, items.map((item, index) => orderOfItem(target, item, index, content))));
    const culprit = outcomes.findIndex((outcome) => outcome instanceof Error || (outcome.kind !== 'accepted' && outcome.kind !== 'abandoned'));
    return outcomes.map((outcome, index) => answerText(target, outcome, items[index], culprit));
  } catch (error) {
    const text = errorText(target.statusOf(error));
    return raws.map(() => text);
  }
};

const orderOfItem = ({ request }: BatchTarget, { command }: ServiceItem, index: number, content: string | null): Order => {
  const order = orderOf(request, command, undefined);
  const key = header(request, 'idempotency-key');
  return { ...order, idempotency: key === undefined || content === null ? null : { key: `${key}/${index}`, fingerprint: content } };
};

/** What the items of a request under an Idempotency-Key are compared by; null without a key. */
export const contentOf = (request: FastifyRequest, bytes: Uint8Array): string | null =>
  header(request, 'idempotency-key') === undefined ? null : fingerprint(request, bytes);

const answerText = (target: BatchTarget, outcome: UnitOutcome, item: ServiceItem | undefined, culprit = -1): string => {
  if (outcome instanceof Error) return errorText(target.statusOf(outcome));
  switch (outcome.kind) {
    case 'rejected':
      return errorText(rejectionStatus(outcome.rejection, target.cluster.name));
    case 'request_differs':
      return errorText(requestDiffers(header(target.request, 'idempotency-key') ?? outcome.key));
    case 'abandoned':
      return errorText(notDone(culprit));
    case 'accepted': {
      const warnings = [...(item?.warnings ?? []), ...outcome.warnings];
      const shown = warnings.length === 0 ? '' : `,"warnings":${JSON.stringify(warnings)}`;
      return `{"status":${outcome.status}${shown}${outcome.replayed ? ',"replayed":true' : ''},"object":${outcome.answer ?? '{}'}}`;
    }
  }
};

const errorText = ({ code, body }: StatusAnswer): string => `{"status":${code},"error":${body}}`;

const notDone = (culprit: number): StatusAnswer =>
  status(424, 'FailedDependency', `not done, since item ${culprit} of this atomic batch was not accepted`, {});

/** An item of a run of lines. */
export const itemOfLine = (line: { bytes: Uint8Array } | { tooLong: true }, lineBytesMax: number): RawItem | StatusError => {
  if ('tooLong' in line) return new StatusError(status(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${lineBytesMax}`, {}));
  const parsed = readJsonBytes(line.bytes);
  return 'failure' in parsed ? new StatusError(badRequest(`the line is not JSON: ${parsed.failure}`)) : parsed;
};
