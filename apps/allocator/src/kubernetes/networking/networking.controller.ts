import type { EventStore } from '@ipledger/event-store';
import { formatAddress, parseAddress } from '@ipledger/ip';
import { compileDefinition, poolOf, type Pool } from '@ipledger/services';
import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EVENT_STORE } from '../../tokens.js';
import { Writers, type KnownCluster } from '../../writer/writers.js';
import { knownCluster } from '../known-cluster.js';
import { listQuery, writeToken, type ListQuery } from '../list-query.js';
import { assertListForm, representationOf, sendObject, type Representation } from '../representation.js';
import { queryOf } from '../request.js';
import { headRevision } from '../service-list.js';
import { badRequest, methodNotAllowed, notFound, status } from '../status.js';
import { StatusError } from '../status-error.js';
import { ipAddress, ipAddressKind, serviceCidrKind, serviceCidrs, type ReadOnlyKind, type ReadOnlyObject } from './kinds.js';

const claimPageRows = 5_000;
/** Objects in one answer; a list without limit is cut here and continued like any other. */
const itemsMax = 100_000;

interface Names {
  cluster: string;
  name: string;
}

/** Claims and pools as the Kubernetes kinds that stand for them, to be read only. @see spec kubectl.md 16 */
@Controller('clusters/:cluster/apis/networking.k8s.io/v1')
export class NetworkingController {
  constructor(private readonly writers: Writers, @Inject(EVENT_STORE) private readonly store: EventStore) {}

  @Get('ipaddresses')
  async addresses(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await knownCluster(this.writers, name);
    const { form, query } = listRequest(request);
    const { pools, lbRanges } = compileDefinition(cluster.definition);
    const revision = await headRevision(this.store, cluster);
    const limit = Math.min(query.limit ?? itemsMax, itemsMax);
    const now = new Date();
    const found = await firstByName(this.claims(cluster), limit + 1, query.continueFrom?.name, (claim) => {
      if (isOfLb(claim, lbRanges)) return undefined; // no IPAddress stands for what a load balancer has
      const view = ipAddress(claim, pools, now);
      return isSelected(query, view) ? view : undefined;
    });
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const more = found.length > limit && last !== undefined;
    const metadata = { resourceVersion: String(revision), ...(more && { continue: writeToken({ revision, namespace: '', name: last.object.metadata.name }) }) };
    sendList(reply, form, ipAddressKind, metadata, items);
  }

  @Get('ipaddresses/:name')
  async address(@Param() { cluster: clusterName, name }: Names, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await knownCluster(this.writers, clusterName);
    const form = representationOf(request);
    const address = parseAddress(name);
    const claim = address && formatAddress(address) === name ? await this.store.claim(cluster.id, name) : undefined;
    const { pools, lbRanges } = compileDefinition(cluster.definition);
    if (claim === undefined || isOfLb(claim, lbRanges)) throw new StatusError(notFound(name, 'ipaddresses.networking.k8s.io'));
    sendOne(reply, form, ipAddressKind, ipAddress(claim, pools, new Date()));
  }

  @Get('servicecidrs')
  async cidrs(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const cluster = await knownCluster(this.writers, name);
    const { form, query } = listRequest(request);
    const items = serviceCidrs(cluster, new Date()).filter((item) => isSelected(query, item));
    sendList(reply, form, serviceCidrKind, { resourceVersion: String(await headRevision(this.store, cluster)) }, items);
  }

  @Get('servicecidrs/:name')
  async cidr(@Param() { cluster: clusterName, name }: Names, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const form = representationOf(request);
    const found = serviceCidrs(await knownCluster(this.writers, clusterName), new Date()).find(({ object }) => object.metadata.name === name);
    if (found === undefined) throw new StatusError(notFound(name, 'servicecidrs.networking.k8s.io'));
    sendOne(reply, form, serviceCidrKind, found);
  }

  private async *claims(cluster: KnownCluster) {
    for (let after: string | undefined; ; ) {
      const page = await this.store.listClaims(cluster.id, after, claimPageRows);
      yield page;
      if (page.length < claimPageRows) return;
      after = page.at(-1)?.address;
    }
  }
}

const isOfLb = ({ address: text }: { address: string }, lbRanges: readonly Pool[]): boolean => {
  const address = parseAddress(text);
  return address !== undefined && poolOf(lbRanges, address) !== undefined;
};

/**
 * The first `count` addresses by name as text, which is upstream's order but not that of the store: all claims are looked
 * at for each page, and no more than twice the page is held.
 */
const firstByName = async <T extends { address: string }>(
  pages: AsyncIterable<T[]>, count: number, after: string | undefined, view: (claim: T) => ReadOnlyObject | undefined,
): Promise<ReadOnlyObject[]> => {
  let first: ReadOnlyObject[] = [];
  const cut = (): ReadOnlyObject[] => first.sort((a, b) => (a.object.metadata.name < b.object.metadata.name ? -1 : 1)).slice(0, count);
  for await (const page of pages) {
    for (const claim of page) {
      const made = after !== undefined && claim.address <= after ? undefined : view(claim);
      if (made !== undefined) first.push(made);
    }
    if (first.length >= 2 * count) first = cut();
  }
  return cut();
};

/** @throws StatusError 405 for a watch, 406, 400 */
const listRequest = (request: FastifyRequest): { form: Representation; query: ListQuery } => {
  const form = representationOf(request);
  assertListForm(form);
  for (const term of (queryOf(request).get('fieldSelector') ?? '').split(',')) {
    const field = term.split(/[=!]/, 1)[0] ?? '';
    if (field.startsWith('spec.')) throw new StatusError(badRequest(`"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`));
  }
  const query = listQuery(request);
  if (query.watch) throw new StatusError(methodNotAllowed());
  return { form, query };
};

const isSelected = ({ selects }: ListQuery, { object: { metadata } }: ReadOnlyObject): boolean =>
  selects?.(metadata.labels, { 'metadata.name': metadata.name, 'metadata.namespace': '', 'spec.clusterIP': '', 'spec.type': '' }) ?? true;

const sendList = (reply: FastifyReply, form: Representation, kind: ReadOnlyKind, metadata: object, items: readonly ReadOnlyObject[]): void => {
  if (form.kind === 'table') return sendJson(reply, table(form, kind, metadata, items));
  if (form.kind === 'partial-list')
    return sendJson(reply, { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${form.version}`, metadata, items: items.map(({ object }) => partial(form.version, object)) });
  const list = { kind: `${kind.kind}List`, apiVersion: 'networking.k8s.io/v1', metadata, items: items.map(({ object: { kind: _kind, apiVersion: _version, ...rest } }) => rest) };
  sendObject(reply, form, 200, JSON.stringify(list));
};

const sendOne = (reply: FastifyReply, form: Representation, kind: ReadOnlyKind, item: ReadOnlyObject): void => {
  if (form.kind === 'table') return sendJson(reply, table(form, kind, { resourceVersion: item.object.metadata['resourceVersion'] }, [item]));
  if (form.kind === 'partial') return sendJson(reply, partial(form.version, item.object));
  if (form.kind === 'partial-list') throw new StatusError(status(406, 'NotAcceptable', `you requested PartialObjectMetadataList, but the requested object is not a list (*networking.${kind.kind})`));
  sendObject(reply, form, 200, JSON.stringify(item.object));
};

const partial = (version: string, { metadata }: ReadOnlyObject['object']): object => ({ kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata });

const table = (form: Extract<Representation, { kind: 'table' }>, kind: ReadOnlyKind, metadata: object, items: readonly ReadOnlyObject[]): object => {
  const shown = (object: ReadOnlyObject['object']): object | null =>
    form.includeObject === 'None' ? null : form.includeObject === 'Object' ? object : partial(form.version, object);
  return {
    kind: 'Table', apiVersion: `meta.k8s.io/${form.version}`, metadata, columnDefinitions: kind.columns,
    rows: items.map(({ object, cells }) => ({ cells, object: shown(object) })),
  };
};

const sendJson = (reply: FastifyReply, body: object): void => void reply.code(200).type('application/json').send(JSON.stringify(body));
