import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { header } from '../request-context.js';

/** A document that is the same until the program changes. */
export interface FixedDocument {
  type: string;
  body: Buffer;
  /** Hash of the body, in hexadecimal capitals as upstream's. */
  hash: string;
}

export const fixedDocument = (type: string, content: object | Buffer): FixedDocument => {
  const body = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  return { type, body, hash: createHash('sha512').update(body).digest('hex').toUpperCase() };
};

/** Sends it with an ETag, or 304 to a client that has it. */
export const sendFixed = (request: FastifyRequest, reply: FastifyReply, { type, body, hash }: FixedDocument): void => {
  const tag = `"${hash}"`;
  reply.header('etag', tag).header('vary', 'Accept');
  const known = (header(request, 'if-none-match') ?? '').split(',').map((text) => text.trim().replace(/^W\//, ''));
  if (known.includes(tag) || known.includes('*')) void reply.code(304).send();
  else void reply.code(200).header('content-type', type).send(body);
};
