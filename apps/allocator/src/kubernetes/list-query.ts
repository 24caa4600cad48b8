import { forbidden, notSupported, parseFieldSelector, parseLabelSelector, type FieldError, type SelectableFields, type StringMap } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { queryOf } from './request.js';
import { badRequest, invalidStatus } from './status.js';
import { StatusError } from './status-error.js';

/** What a list or a watch asks for. @see k8s.io/apimachinery/pkg/apis/meta/v1 ListOptions */
export interface ListQuery {
  watch: boolean;
  /** Whether an object is selected; undefined when there is no selector, so that nothing has to be read for it. */
  selects: ((labels: StringMap, fields: SelectableFields) => boolean) | undefined;
  /** Objects per page; undefined = all. */
  limit: number | undefined;
  /** Namespace and name that the field selector demands: more than they can give is not looked for. */
  demands: { namespace: string | undefined; name: string | undefined };
  /** Where the page before ended, and at which revision the list is read. */
  continueFrom: ContinueToken | undefined;
  /** undefined when not given; 0 = any state will do. */
  revision: number | undefined;
  exact: boolean;
  sendInitialEvents: boolean | undefined;
  allowBookmarks: boolean;
  /** Seconds after which a watch ends; undefined when not given. */
  timeoutSeconds: number | undefined;
}

export interface ContinueToken {
  revision: number;
  namespace: string;
  name: string;
}

/** @throws StatusError 400, 422 */
export const listQuery = (request: FastifyRequest): ListQuery => {
  const query = queryOf(request);
  const watch = flag(query.get('watch'));
  const match = query.get('resourceVersionMatch') ?? '';
  const sendInitialEvents = query.has('sendInitialEvents') ? flag(query.get('sendInitialEvents')) : undefined;
  const limit = wholeNumber(query, 'limit');
  const timeoutSeconds = wholeNumber(query, 'timeoutSeconds');
  const selects = selectorOf(query);
  const errors = watch ? watchErrors(query, match, sendInitialEvents) : listErrors(query, match, sendInitialEvents);
  if (errors.length > 0) throw new StatusError(invalidStatus('ListOptions', '', errors, 'meta.k8s.io'));
  const continueFrom = readToken(query.get('continue') ?? '');
  const version = query.get('resourceVersion') ?? '';
  if (!watch && continueFrom !== undefined && version !== '' && version !== '0') throw bad('specifying resource version is not allowed when using continue');
  const revision = revisionOf(version);
  return {
    watch,
    selects,
    demands: { namespace: demanded(query, 'namespace'), name: demanded(query, 'name') },
    // Upstream answers a list at "0" from its cache, whole.
    limit: limit !== undefined && limit > 0 && version !== '0' ? limit : undefined,
    continueFrom,
    revision,
    exact: match === 'Exact' || (match === '' && !watch && limit !== undefined && limit > 0 && (revision ?? 0) > 0),
    sendInitialEvents,
    allowBookmarks: flag(query.get('allowWatchBookmarks')),
    timeoutSeconds: timeoutSeconds !== undefined && timeoutSeconds > 0 ? timeoutSeconds : undefined,
  };
};

/**
 * A GET of one object may name a revision too; any state at or after it will do, and the present is that.
 * @throws StatusError 400 for a revision that is none, and for `export`, which is gone
 */
export const assertGetQuery = (request: FastifyRequest): void => {
  const query = queryOf(request);
  if (flag(query.get('export'))) throw bad('the export parameter, deprecated since v1.14, is no longer supported');
  revisionOf(query.get('resourceVersion') ?? '');
};

/** What a DELETE of a collection lists: at the very revision that it names, unless it says otherwise. @throws StatusError 400, 422 */
export const deletionQuery = (request: FastifyRequest): ListQuery => {
  const query = listQuery(request);
  return { ...query, exact: query.exact || ((query.revision ?? 0) > 0 && !queryOf(request).get('resourceVersionMatch')) };
};

const bad = (message: string): StatusError => new StatusError(badRequest(message));

/** Any text but `0` and `false` is true, as upstream converts query parameters. */
const flag = (text: string | null): boolean => text !== null && text !== '0' && text.toLowerCase() !== 'false';

const wholeNumber = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^[+-]?\d{1,19}$/.test(text) || BigInt(text) !== BigInt.asIntN(64, BigInt(text))) throw bad(`${name}: ${JSON.stringify(text)} is not a whole number`);
  return Number(text);
};

const revisionOf = (text: string): number | undefined => {
  if (text === '') return undefined;
  if (!/^\d{1,20}$/.test(text) || BigInt(text) !== BigInt.asUintN(64, BigInt(text))) throw bad(`resourceVersion: ${JSON.stringify(text)} is not a resourceVersion; leave it out, or send one that a list or an object had`);
  return Number(text);
};

const demanded = (query: URLSearchParams, field: 'name' | 'namespace'): string | undefined =>
  new RegExp(`(?:^|,)metadata\\.${field}==?([^=,\\\\]+)(?:,|$)`).exec(query.get('fieldSelector') ?? '')?.[1];

const selectorOf = (query: URLSearchParams): ListQuery['selects'] => {
  const label = parseLabelSelector(query.get('labelSelector') ?? '');
  if ('failure' in label) throw bad(label.failure);
  const field = parseFieldSelector(query.get('fieldSelector') ?? '');
  if ('failure' in field) throw bad(field.failure);
  if (!query.get('labelSelector') && !query.get('fieldSelector')) return undefined;
  return (labels, fields) => label.matches(labels) && field.matches(fields);
};

/** @see k8s.io/apimachinery/pkg/apis/meta/internalversion/validation */
const listErrors = (query: URLSearchParams, match: string, sendInitialEvents: boolean | undefined): FieldError[] => {
  const errors: FieldError[] = [];
  const at = 'resourceVersionMatch';
  if (match !== '') {
    if (!query.get('resourceVersion')) errors.push(forbidden(at, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (query.get('continue')) errors.push(forbidden(at, 'resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan') errors.push(notSupported(at, match, ['Exact', 'NotOlderThan', '']));
    if (match === 'Exact' && query.get('resourceVersion') === '0') errors.push(forbidden(at, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (sendInitialEvents !== undefined) errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return errors;
};

const watchErrors = (query: URLSearchParams, match: string, sendInitialEvents: boolean | undefined): FieldError[] => {
  const errors: FieldError[] = [];
  const at = 'resourceVersionMatch';
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') errors.push(forbidden(at, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (match !== '') {
    if (sendInitialEvents === undefined) errors.push(forbidden(at, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
    if (match !== 'NotOlderThan') errors.push(notSupported(at, match, ['NotOlderThan']));
  }
  // A watch from the beginning that says neither is given both, to be told what is there.
  const startsAnew = match === '' && sendInitialEvents === undefined && ['', '0'].includes(query.get('resourceVersion') ?? '');
  if ((match !== '' || startsAnew) && query.get('continue')) errors.push(forbidden(at, 'resourceVersionMatch is forbidden when continue is provided'));
  return errors;
};

export const writeToken = ({ revision, namespace, name }: ContinueToken): string =>
  Buffer.from(JSON.stringify([revision, namespace, name])).toString('base64url');

const readToken = (text: string): ContinueToken | undefined => {
  if (text === '') return undefined;
  try {
    const [revision, namespace, name] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if (typeof revision === 'number' && Number.isSafeInteger(revision) && typeof namespace === 'string' && typeof name === 'string') return { revision, namespace, name };
  } catch {
    // Falls through: whatever it is, it is no token of ours.
  }
  throw bad('continue: this is no token that a list answered; start the list again without it');
};
