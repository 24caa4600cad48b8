import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServiceObject } from '@ipledger/services';
import { stringify } from 'yaml';
import { header } from '../request-context.js';
import { queryOf } from './request.js';
import { partialMetadata, tableHead, tableRow, type IncludeObject, type MetaVersion, type TableOptions } from './service-table.js';
import { badRequest, status } from './status.js';
import { StatusError } from './status-error.js';

/** In which form an answer goes out. */
export type Representation =
  | { kind: 'object'; yaml: boolean }
  | ({ kind: 'table' } & TableOptions)
  | { kind: 'partial'; version: MetaVersion }
  | { kind: 'partial-list'; version: MetaVersion };

/**
 * The first form in `Accept` that is served; JSON when there is no `Accept`.
 * @throws StatusError 406 when none is, 400 for an unknown includeObject
 * @see k8s.io/apiserver/pkg/endpoints/handlers/negotiation
 */
export const representationOf = (request: FastifyRequest): Representation => {
  const accept = header(request, 'accept');
  if (accept === undefined || accept.trim() === '') return { kind: 'object', yaml: false };
  let transformed = false;
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (!/^(\*\/\*|application\/(\*|json|yaml))$/i.test(type)) continue;
    const as = valueOf(parameters, 'as');
    transformed ||= as !== undefined;
    const form = as === undefined ? { kind: 'object' as const, yaml: /yaml$/i.test(type) } : transformedForm(request, as, parameters);
    if (form !== undefined) return form;
  }
  const served = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  throw new StatusError(transformed
    ? status(406, 'NotAcceptable', `only the following media types are accepted: ${served}`)
    : status(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${served}`, {}));
};

const valueOf = (parameters: readonly string[], name: string): string | undefined =>
  parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1);

const transformedForm = (request: FastifyRequest, as: string, parameters: readonly string[]): Representation | undefined => {
  const version = valueOf(parameters, 'v');
  if (valueOf(parameters, 'g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (as === 'Table') return { kind: 'table', version, includeObject: includeObject(request), now: new Date() };
  if (as === 'PartialObjectMetadata') return { kind: 'partial', version };
  return as === 'PartialObjectMetadataList' ? { kind: 'partial-list', version } : undefined;
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

/** Sends one Service, given as JSON text. */
export const sendObject = (reply: FastifyReply, form: Representation, code: number, json: string): void => {
  const body = form.kind === 'object' && form.yaml ? stringify(JSON.parse(json)) : objectText(form, json);
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
