import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServiceObject } from '@ipledger/services';
import { stringify } from 'yaml';
import { header } from '../request-context.js';
import { mediaRanges, type MediaRange } from './media-type.js';
import { queryOf } from './request.js';
import { partialMetadata, tableHead, tableRow, type IncludeObject, type MetaVersion, type TableOptions } from './service-table.js';
import { badRequest, status } from './status.js';
import { StatusError } from './status-error.js';
import { numbersWithDigits } from './yaml-tags.js';

/** In which form an answer goes out. */
export type Representation =
  | { kind: 'object'; yaml: boolean }
  | ({ kind: 'table' } & TableOptions)
  | { kind: 'partial'; version: MetaVersion }
  | { kind: 'partial-list'; version: MetaVersion };

const served = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
/** What the routes that can be watched name besides, in the text of a refusal only. */
const streams = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];

/**
 * The form in `Accept` that is served and wanted most; JSON when there is no `Accept`. Upstream looks twice: the router at the
 * types as they are spelt, without ranges but for `*\/*`, then the handler at what their parameters ask for.
 * @throws StatusError 406 when none is served, 400 for an unknown includeObject
 * @see go-restful's Route.matchesAccept; k8s.io/apiserver/pkg/endpoints/handlers/negotiation
 */
export const representationOf = (request: FastifyRequest, canBeWatched = false): Representation => {
  const accept = header(request, 'accept')?.trim() ?? '';
  if (accept === '' || accept === 'application/json') return { kind: 'object', yaml: false };
  const spelt = accept.split(',').map((range) => range.split(';', 1)[0]?.trim() ?? '');
  if (!spelt.some((type) => type === '*/*' || served.includes(type))) {
    const available = canBeWatched ? [...served, ...streams] : served;
    throw new StatusError(status(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${available.join(', ')}`, {}));
  }
  for (const range of mediaRanges(accept)) {
    const form = formOf(range, request);
    if (form !== undefined) return form;
  }
  throw new StatusError(status(406, 'NotAcceptable', `only the following media types are accepted: ${served.join(', ')}`));
};

/** Protobuf is not written here: it is passed over for the next range. */
const formOf = ({ type, subtype, parameters }: MediaRange, request: FastifyRequest): Representation | undefined => {
  const isAny = subtype === '*' && (type === 'application' || type === '*');
  if (!isAny && !(type === 'application' && (subtype === 'json' || subtype === 'yaml'))) return undefined;
  const stream = parameters.get('stream') ?? '';
  if (stream !== '' && stream !== 'watch') return undefined;
  if (!['as', 'g', 'v'].some((name) => parameters.has(name))) return { kind: 'object', yaml: subtype === 'yaml' };
  const version = parameters.get('v');
  if (parameters.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  switch (parameters.get('as')) {
    case 'Table': return { kind: 'table', version, includeObject: includeObject(request), now: new Date() };
    case 'PartialObjectMetadata': return { kind: 'partial', version };
    case 'PartialObjectMetadataList': return { kind: 'partial-list', version };
    default: return undefined;
  }
};

const includeObject = (request: FastifyRequest): IncludeObject => {
  const given = queryOf(request).get('includeObject') ?? '';
  if (given === '') return 'Metadata';
  if (given === 'None' || given === 'Metadata' || given === 'Object') return given;
  throw new StatusError(badRequest(`Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(given)}: must be 'Metadata', 'Object', 'None', or empty`));
};

/** @throws StatusError 406 when the form is that of one object */
export const assertListForm = (form: Representation): void => {
  if (form.kind === 'partial') throw new StatusError(status(406, 'NotAcceptable', 'you requested PartialObjectMetadata, but the requested object is a list (*core.ServiceList)'));
};

/** As Go's encoder writes it: keys in order, texts that YAML 1.1 would take for something else in quotes, lists not indented. */
export const yamlText = (json: string): string =>
  stringify(JSON.parse(json), { version: '1.1', sortMapEntries: true, indentSeq: false, lineWidth: 0, customTags: numbersWithDigits });

/** Sends one Service, given as JSON text. */
export const sendObject = (reply: FastifyReply, form: Representation, code: number, json: string): void => {
  const body = form.kind === 'object' && form.yaml ? yamlText(json) : objectText(form, json);
  void reply.code(code).type(form.kind === 'object' && form.yaml ? 'application/yaml' : 'application/json').send(body);
};

/** A Service in the form that was asked for, as JSON text. @throws StatusError 406 when the form is that of a list */
export const objectText = (form: Representation, json: string): string => {
  switch (form.kind) {
    case 'object':
      return json;
    case 'partial':
      return partialMetadata(JSON.parse(json) as ServiceObject, form.version);
    case 'table': {
      const { resourceVersion } = (JSON.parse(json) as ServiceObject).metadata;
      return `${tableHead(form, resourceVersion === undefined ? {} : { resourceVersion })}${tableRow(json, form)}]}`;
    }
    case 'partial-list':
      throw new StatusError(status(406, 'NotAcceptable', 'you requested PartialObjectMetadataList, but the requested object is not a list (*core.Service)'));
  }
};

/** Sends a list, which is made while it is sent. */
export const sendText = async (reply: FastifyReply, form: Representation, json: Readable): Promise<void> => {
  if (form.kind === 'object' && form.yaml) sendObject(reply, form, 200, await text(json));
  else void reply.code(200).type('application/json').send(json);
};
