import { Readable } from 'node:stream';
import type { EventStore } from '@ipledger/event-store';
import { readDocument, type ServiceCommand } from '@ipledger/services';
import { Controller, Delete, Get, Inject, Param, Patch, Post, Put, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { forEachBounded, submitPatiently } from '../bulk/bounded.js';
import { markAnswer, orderOf } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { SubmitOrder } from '../writer/submit.handler.js';
import { Writers, type KnownCluster } from '../writer/writers.js';
import { assertGetQuery, deletionQuery, listQuery } from './list-query.js';
import { DocumentReads } from './document-reads.js';
import { deletionRequest, unsafeCollection } from './deletion-request.js';
import { knownCluster } from './known-cluster.js';
import { patchRequest } from './patch-request.js';
import { assertListForm, representationOf, sendObject, sendText, type Representation } from './representation.js';
import { assertItemName, assertSameObject, bodyOf, orderBasis, serviceBody, writeOptions } from './request.js';
import type { ListedService } from './list-at.js';
import { asPages, servicePage, serviceListText } from './service-list.js';
import { noSuchResource, notFound, readableObject, rejectionStatus, requestDiffers } from './status.js';
import { StatusError } from './status-error.js';
import { sendWarnings } from './warnings.js';
import { serveWatch } from './watch.js';
import { WatchFeeds } from './watch-feed.js';

/** The Services of one cluster, as the Kubernetes API has them. */
@Controller('clusters/:cluster/api/v1')
export class ServicesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    private readonly feeds: WatchFeeds,
    private readonly documents: DocumentReads,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Post('namespaces/:namespace/services')
  async create(@Param() params: Names, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await this.cluster(params);
    const form = representationOf(request);
    const options = writeOptions(request, 'CreateOptions');
    const { service, warnings } = serviceBody(request, options);
    assertSameObject(service, params.namespace, undefined, warnings);
    await this.submit(cluster, params, request, reply, { form, warnings }, { type: 'CreateService', ...orderBasis(params.namespace, options), service });
  }

  @Put('namespaces/:namespace/services/:name')
  replace(@Param() params: ItemNames, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.replaceItem(params, null, request, reply);
  }

  @Put('namespaces/:namespace/services/:name/status')
  replaceStatus(@Param() params: ItemNames, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.replaceItem(params, 'status', request, reply);
  }

  @Patch('namespaces/:namespace/services/:name')
  patch(@Param() params: ItemNames, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.patchItem(params, null, request, reply);
  }

  @Patch('namespaces/:namespace/services/:name/status')
  patchStatus(@Param() params: ItemNames, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.patchItem(params, 'status', request, reply);
  }

  @Delete('namespaces/:namespace/services/:name')
  async delete(@Param() params: ItemNames, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await this.cluster(params);
    const form = representationOf(request);
    const { options, dryRun, isUnsafe } = deletionRequest(request);
    if (isUnsafe && (await this.document(cluster, params)) !== '') throw new StatusError(readableObject(params.namespace, params.name));
    const basis = orderBasis(params.namespace, { dryRun, fieldManager: '' });
    await this.submit(cluster, params, request, reply, { form }, { type: 'DeleteService', ...basis, name: params.name, options });
  }

  /**
   * Deletes what a list selects, one command each, some at a time: as upstream, a collection is not deleted as one. Answers
   * what it listed, which is held in memory meanwhile.
   */
  @Delete('namespaces/:namespace/services')
  async deleteCollection(@Param() params: Names, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await this.cluster(params);
    const form = representationOf(request);
    const { options, dryRun, isUnsafe } = deletionRequest(request);
    if (isUnsafe) throw new StatusError(unsafeCollection());
    const page = await servicePage(this.store, cluster, params.namespace, deletionQuery(request));
    const listed: ListedService[] = [];
    for await (const items of page.items) listed.push(...items);
    const gone = new AbortController();
    reply.raw.on('close', () => gone.abort());
    await forEachBounded(Readable.from(listed), { ratePerSecond: undefined, signal: gone.signal }, async ({ namespace, name }: ListedService) => {
      const command: ServiceCommand = { type: 'DeleteService', ...orderBasis(namespace, { dryRun, fieldManager: '' }), name, options };
      const order = { ...orderOf(request, command, undefined), idempotency: null };
      const outcome = await submitPatiently(this.commands, new SubmitOrder(cluster.id, params.cluster, order), gone.signal);
      if (outcome.kind === 'rejected' && outcome.rejection.code !== 'not_found') throw new StatusError(rejectionStatus(outcome.rejection, params.cluster));
    });
    assertListForm(form); // Upstream finds out when it answers, too.
    await sendText(reply, form, Readable.from(serviceListText({ ...page, items: asPages(listed) }, form), { objectMode: false }));
  }

  @Get('namespaces/:namespace/services/:name')
  async get(@Param() params: ItemNames, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await this.cluster(params);
    const form = representationOf(request);
    assertGetQuery(request);
    const document = await this.document(cluster, params);
    sendObject(reply, form, 200, readDocument(document, cluster.primary));
  }

  /** As stored: read defaults are not applied to what `/status` answers. */
  @Get('namespaces/:namespace/services/:name/status')
  async getStatus(@Param() params: ItemNames, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await this.cluster(params);
    const form = representationOf(request);
    assertGetQuery(request);
    sendObject(reply, form, 200, await this.document(cluster, params));
  }

  @Get('namespaces/:namespace/services')
  list(@Param() params: Names, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.sendList(params.cluster, params.namespace, request, reply);
  }

  @Get('services')
  listAll(@Param() params: Names, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.sendList(params.cluster, undefined, request, reply);
  }

  private async replaceItem(params: ItemNames, subresource: 'status' | null, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const cluster = await this.cluster(params);
    const form = representationOf(request);
    const options = writeOptions(request, 'UpdateOptions');
    const { service, warnings } = serviceBody(request, options);
    assertSameObject(service, params.namespace, params.name, warnings);
    await this.submit(cluster, params, request, reply, { form, warnings }, {
      type: 'UpdateService', ...orderBasis(params.namespace, options), name: params.name, subresource, change: { kind: 'replace', service },
    });
  }

  private async patchItem(params: ItemNames, subresource: 'status' | null, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const cluster = await this.cluster(params);
    const form = representationOf(request);
    const { change, options } = patchRequest(request);
    await this.submit(cluster, params, request, reply, { form }, {
      type: 'UpdateService', ...orderBasis(params.namespace, options), name: params.name, subresource, change,
    });
  }

  private async submit(
    cluster: KnownCluster, params: Names & Partial<ItemNames>, request: FastifyRequest, reply: FastifyReply,
    { form, warnings = [] }: { form: Representation; warnings?: readonly string[] }, command: ServiceCommand,
  ): Promise<void> {
    assertItemName(params.name);
    const order = orderOf(request, command, bodyOf(request));
    const outcome = await this.commands.execute(new SubmitOrder(cluster.id, params.cluster, order));
    if (outcome.kind === 'rejected') throw new StatusError(rejectionStatus(outcome.rejection, params.cluster), [...warnings, ...outcome.warnings]);
    if (outcome.kind === 'request_differs') throw new StatusError(requestDiffers(outcome.key), warnings);
    sendWarnings(reply, [...warnings, ...outcome.warnings]);
    markAnswer(reply, outcome.revision, outcome.replayed);
    sendObject(reply, form, outcome.status, outcome.answer ?? '{}');
  }

  private async sendList(name: string, namespace: string | undefined, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const cluster = await this.cluster({ cluster: name, namespace });
    const form = representationOf(request, true);
    const query = listQuery(request);
    if (query.watch) return serveWatch(this.store, this.feeds, { cluster, namespace, query, form }, reply);
    assertListForm(form);
    const page = await servicePage(this.store, cluster, namespace, query);
    await sendText(reply, form, Readable.from(serviceListText(page, form), { objectMode: false }));
  }

  private async document(cluster: KnownCluster, params: ItemNames): Promise<string> {
    assertItemName(params.name);
    const document = await this.documents.read(cluster.id, params.namespace, params.name);
    if (document === undefined) throw new StatusError(notFound(params.name));
    return document;
  }

  /** Upstream splits a path when its escapes are gone: with a slash in a name it is another path, and none that there is. */
  private cluster({ cluster, namespace, name }: { cluster: string; namespace?: string | undefined; name?: string }): Promise<KnownCluster> {
    if (namespace?.includes('/') || name?.includes('/')) throw new StatusError(noSuchResource());
    return knownCluster(this.writers, cluster);
  }
}

interface Names {
  cluster: string;
  namespace: string;
}
interface ItemNames extends Names {
  name: string;
}
