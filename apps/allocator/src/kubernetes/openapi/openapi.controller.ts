import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { header } from '../../request-context.js';
import { Writers } from '../../writer/writers.js';
import { fixedDocument, sendFixed } from '../cached.js';
import { groups } from '../discovery/resources.js';
import { knownCluster } from '../known-cluster.js';
import { noSuchResource, status } from '../status.js';
import { StatusError } from '../status-error.js';
import { openApiV2, openApiV3 } from './documents.js';
import { encodeGnostic } from './gnostic.js';
import { indexKey } from './operations.js';

/** kubectl asks for it with an `@`, which its own parser of content types refuses in the answer. */
const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const yearMs = 365 * 24 * 3_600_000;

/** The API of a cluster described in OpenAPI: what kubectl validates, explains and merges with. Made once, on first use. */
@Controller('clusters/:cluster/openapi')
export class OpenApiController {
  private readonly v3 = once(() => new Map(groups.map((group) => [indexKey(group), fixedDocument('application/json', openApiV3(group))])));
  private readonly index = once(() => fixedDocument('application/json', {
    paths: Object.fromEntries([...this.v3()].map(([key, { hash }]) => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${hash}` }])),
  }));
  private readonly v2 = once(() => fixedDocument('application/json', openApiV2()));
  private readonly v2Protobuf = once(() => fixedDocument(protobufType, encodeGnostic(openApiV2())));

  constructor(private readonly writers: Writers) {}

  @Get('v3')
  async indexDocument(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await knownCluster(this.writers, name);
    sendFixed(request, reply, this.index());
  }

  @Get('v3/*')
  async groupDocument(@Param('cluster') name: string, @Param('*') key: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply, @Query('hash') hash?: string): Promise<void> {
    await knownCluster(this.writers, name);
    const document = this.v3().get(key);
    if (document === undefined) throw new StatusError(noSuchResource());
    // With the hash of the index the URL names just this text.
    if (hash === document.hash) reply.header('cache-control', 'public, immutable').header('expires', new Date(Date.now() + yearMs).toUTCString());
    sendFixed(request, reply, document);
  }

  @Get('v2')
  async v2Document(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await knownCluster(this.writers, name);
    sendFixed(request, reply, wantsProtobuf(request) ? this.v2Protobuf() : this.v2());
  }
}

/** @throws StatusError 406 when neither form will do */
const wantsProtobuf = (request: FastifyRequest): boolean => {
  for (const range of (header(request, 'accept') ?? '*/*').split(',')) {
    const type = range.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    if (type.replace('@', '.') === protobufType) return true;
    if (['', '*/*', 'application/*', 'application/json'].includes(type)) return false;
  }
  throw new StatusError(status(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: application/json, ${protobufType}`, {}));
};

const once = <T>(make: () => T): (() => T) => {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};
