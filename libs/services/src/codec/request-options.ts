import { EnumText, forbidden, invalid, notSupported, required, type FieldError } from '../field-error.js';
import { checkFieldManager } from '../validation/metadata.js';
import { decodeDeleteOptions, type DeleteOptions } from './decode-service.js';
import type { JsonText } from './json-reader.js';

/** What the query of a write says. @see apimachinery pkg/apis/meta/v1 CreateOptions, UpdateOptions, PatchOptions */
export interface WriteOptions {
  dryRun: boolean;
  /** "" when not given: the caller takes the User-Agent up to its first `/`. */
  fieldManager: string;
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Of an apply patch only. */
  force?: boolean;
}

/** Read-only part of `URLSearchParams`. */
export interface Query {
  get(name: string): string | null;
  getAll(name: string): string[];
}

/** `invalid`: 422 about the options object (group meta.k8s.io, no name). `badRequest`: 400, in our words. */
export type OptionsRefusal = { invalid: FieldError[] } | { badRequest: string };

/**
 * @param kind decides nothing but which options exist: `force` is looked at for `PatchOptions` only
 * @param contentTypeIsApply whether the body is `application/apply-patch+yaml`, which needs a fieldManager and may force
 * @see apimachinery pkg/apis/meta/v1/validation ValidateCreateOptions, ValidateUpdateOptions, ValidatePatchOptions
 */
export const decodeWriteOptions = (
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions', query: Query, contentTypeIsApply: boolean,
): WriteOptions | OptionsRefusal => {
  const dryRun = query.getAll('dryRun');
  const fieldManager = query.get('fieldManager') ?? '';
  const fieldValidation = query.get('fieldValidation') ?? '';
  const force = kind === 'PatchOptions' ? flagOf(query.get('force')) : undefined;
  const errors: FieldError[] = [];
  if (contentTypeIsApply && fieldManager === '') errors.push(required('fieldManager', 'is required for apply patch'));
  if (!contentTypeIsApply && force !== undefined) errors.push(forbidden('force', 'may not be specified for non-apply patch'));
  checkFieldManager('fieldManager', fieldManager, errors);
  checkDryRun(dryRun, errors);
  if (!isFieldValidation(fieldValidation)) errors.push(notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']));
  else if (errors.length === 0) {
    return { dryRun: dryRun.length > 0, fieldManager, fieldValidation: fieldValidation || 'Warn', ...(force !== undefined && { force }) };
  }
  return { invalid: errors };
};

/**
 * The options of a DELETE: of the body when there is one, else of the query.
 * @param body the body as read, or undefined when it is empty
 */
export const readDeleteOptions = (body: JsonText | undefined, query: Query): { options: DeleteOptions } | OptionsRefusal => {
  const read = body === undefined ? queryDeleteOptions(query) : bodyDeleteOptions(body);
  if ('badRequest' in read) return read;
  const errors = deleteOptionErrors(read.options);
  return errors.length > 0 ? { invalid: errors } : read;
};

const bodyDeleteOptions = (body: JsonText): { options: DeleteOptions } | { badRequest: string } => {
  const decoded = 'failure' in body ? body : decodeDeleteOptions(body.value, body.duplicates);
  return 'failure' in decoded ? { badRequest: `the body is no DeleteOptions: ${decoded.failure}` } : { options: decoded.options };
};

/** Preconditions stand in a query as `uid` and `resourceVersion`; empty, they are none. @see Convert_url_Values_To_v1_DeleteOptions */
const queryDeleteOptions = (query: Query): { options: DeleteOptions } | { badRequest: string } => {
  const options: DeleteOptions = {};
  const grace = query.get('gracePeriodSeconds');
  if (grace !== null) {
    const seconds = Number(grace);
    if (!/^[+-]?\d+$/.test(grace) || !Number.isSafeInteger(seconds)) {
      return { badRequest: `gracePeriodSeconds: found ${JSON.stringify(grace.slice(0, 60))}, expected a whole number of seconds` };
    }
    options.gracePeriodSeconds = seconds;
  }
  const orphanDependents = flagOf(query.get('orphanDependents'));
  if (orphanDependents !== undefined) options.orphanDependents = orphanDependents;
  const propagationPolicy = query.get('propagationPolicy');
  if (propagationPolicy !== null) options.propagationPolicy = propagationPolicy;
  const dryRun = query.getAll('dryRun');
  if (dryRun.length > 0) options.dryRun = dryRun;
  const [uid, resourceVersion] = [query.get('uid') ?? '', query.get('resourceVersion') ?? ''];
  if (uid !== '' || resourceVersion !== '') options.preconditions = { ...(uid !== '' && { uid }), ...(resourceVersion !== '' && { resourceVersion }) };
  const ignoreReadError = flagOf(query.get('ignoreStoreReadErrorWithClusterBreakingPotential'));
  if (ignoreReadError !== undefined) options.ignoreStoreReadErrorWithClusterBreakingPotential = ignoreReadError;
  return { options };
};

const policies = ['Foreground', 'Background', 'Orphan'];

/** @see ValidateDeleteOptions; "nil" in the list is upstream's */
const deleteOptionErrors = (options: DeleteOptions): FieldError[] => {
  const errors: FieldError[] = [];
  const { propagationPolicy: policy, orphanDependents } = options;
  if (policy !== undefined && orphanDependents !== undefined) {
    errors.push(invalid('propagationPolicy', new EnumText(policy), 'orphanDependents and deletionPropagation cannot be both set'));
  }
  if (policy !== undefined && !policies.includes(policy)) {
    errors.push(notSupported('propagationPolicy', new EnumText(policy), [...policies, 'nil']));
  }
  checkDryRun(options.dryRun ?? [], errors);
  checkIgnoreReadError(options, errors);
  return errors;
};

const checkDryRun = (dryRun: readonly string[], errors: FieldError[]): void => {
  if (dryRun.some((value) => value !== 'All')) errors.push(notSupported('dryRun', dryRun, ['All']));
};

const checkIgnoreReadError = (options: DeleteOptions, errors: FieldError[]): void => {
  const field = 'ignoreStoreReadErrorWithClusterBreakingPotential';
  if (options[field] !== true) return;
  for (const other of ['propagationPolicy', 'orphanDependents', 'gracePeriodSeconds', 'preconditions'] as const) {
    if (options[other] !== undefined) errors.push(invalid(field, true, `cannot be set together with .${other}`));
  }
};

const isFieldValidation = (text: string): text is '' | 'Strict' | 'Warn' | 'Ignore' => ['', 'Strict', 'Warn', 'Ignore'].includes(text);

/** Any text but `0` and `false` is true, the empty one too. @see runtime.Convert_Slice_string_To_Pointer_bool */
const flagOf = (text: string | null): boolean | undefined => (text === null ? undefined : text !== '0' && text.toLowerCase() !== 'false');
