import { parseAddressSloppy, type Address, type Family } from '@ipledger/ip';
import { duplicate, EnumText, forbidden, internalError, invalid, notSupported, required, type FieldError } from '../field-error.js';
import { isExternalName, type ServiceObject, type ServiceSpec } from '../service.js';
import { addressProblem } from './formats.js';

/**
 * The rules for `clusterIP`, `clusterIPs`, `ipFamilies`, `ipFamilyPolicy` and `externalIPs`.
 *
 * Addresses are read as leniently as ever, but new texts must be unambiguous. A text that the stored list has already is
 * not looked at again: what was accepted once must not block an update about something else.
 * @see pkg/apis/core/validation/validation.go, Kubernetes v1.37.2
 */

const families = ['IPv4', 'IPv6'];
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/** Validation's idea of headless: the list alone decides. */
export const hasOnlyNone = (spec: ServiceSpec): boolean => spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';

/**
 * Whether the fields about cluster IPs agree among themselves; nothing here depends on the cluster. Runs before
 * allocation, where its errors hide all others, and again in full validation.
 * @param stored the Service as it is, undefined on create
 * @returns nothing for ExternalName, which `externalNameErrors` judges
 */
export const clusterIPFieldErrors = (next: ServiceObject, stored: ServiceObject | undefined): FieldError[] => {
  const { spec } = next;
  if (isExternalName(spec)) return [];
  const errors: FieldError[] = [];
  checkSingularAgainstPlural(spec, errors);
  checkFamilies(spec.ipFamilies ?? [], errors);
  if (spec.ipFamilyPolicy !== undefined && !policies.includes(spec.ipFamilyPolicy))
    errors.push(notSupported('spec.ipFamilyPolicy', new EnumText(spec.ipFamilyPolicy), policies));
  const texts = spec.clusterIPs ?? [];
  if (texts.length === 0 || hasOnlyNone(spec)) return errors;
  const found = checkTexts(texts, stored?.spec.clusterIPs ?? [], errors);
  if (found === undefined) return errors;
  if (texts.length > 1) checkOnePerFamily(found, texts, errors);
  checkAgainstFamilies(found, texts, spec.ipFamilies ?? [], errors);
  return errors;
};

const checkSingularAgainstPlural = (spec: ServiceSpec, errors: FieldError[]): void => {
  const { clusterIP = '', clusterIPs = [] } = spec;
  if (clusterIP === '') {
    if (clusterIPs.length > 0) errors.push(invalid('spec.clusterIPs', clusterIPs, 'must be empty when `clusterIP` is not specified'));
  } else if (clusterIPs.length === 0) errors.push(required('spec.clusterIPs'));
  else if (clusterIPs[0] !== clusterIP) errors.push(invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`'));
};

const checkFamilies = (given: readonly string[], errors: FieldError[]): void => {
  const seen = given.length > 1 ? new Set<string>() : undefined;
  for (let i = 0; i < given.length; i++) {
    const family = given[i] ?? '';
    if (!families.includes(family)) errors.push(notSupported(`spec.ipFamilies[${i}]`, new EnumText(family), families));
    if (seen?.has(family)) errors.push(duplicate(`spec.ipFamilies[${i}]`, new EnumText(family)));
    seen?.add(family);
  }
};

/** What an address in the list turned out to be; undefined where an accepted text cannot be read. */
type Found = readonly (Family | undefined)[];

/** @returns undefined when a text is no address, for then there is no point in comparing them; too many are still compared */
const checkTexts = (texts: readonly string[], storedTexts: readonly string[], errors: FieldError[]): Found | undefined => {
  const before = errors.length;
  const found = texts.map((text, i) => {
    if (i === 0 && text === 'None') {
      errors.push(invalid('spec.clusterIPs', texts, "'None' must be the first and only value"));
      return undefined;
    }
    const parsed = parseAddressSloppy(text);
    const problem = storedTexts.includes(text) ? undefined : addressProblem(parsed);
    if (problem !== undefined) errors.push(invalid(`spec.clusterIPs[${i}]`, text, problem));
    return parsed?.address.family;
  });
  const areReadable = errors.length === before;
  if (texts.length > 2) errors.push(invalid('spec.clusterIPs', texts, 'may only hold up to 2 values'));
  return areReadable ? found : undefined;
};

/** Only a second `None` can be unreadable here, and only where the stored Service is headless. */
const checkOnePerFamily = (found: Found, texts: readonly string[], errors: FieldError[]): void => {
  const unreadable = found.indexOf(undefined);
  if (unreadable >= 0)
    errors.push(internalError('spec.clusterIPs', `failed to check for dual stack with error:invalid IP[${unreadable}]: ${texts[unreadable]}`));
  if (unreadable >= 0 || !found.includes('IPv4') || !found.includes('IPv6'))
    errors.push(invalid('spec.clusterIPs', texts, 'may specify no more than one IP for each IP family'));
};

/** Upstream asks "is it IPv6?", so what cannot be read counts as IPv4. */
const checkAgainstFamilies = (found: Found, texts: readonly string[], wanted: readonly string[], errors: FieldError[]): void => {
  for (let i = 0; i < Math.min(found.length, wanted.length); i++) {
    const family = wanted[i] ?? '';
    if (families.includes(family) && (found[i] ?? 'IPv4') !== family)
      errors.push(invalid(`spec.clusterIPs[${i}]`, texts[i], `expected an ${family} value as indicated by \`ipFamilies[${i}]\``));
  }
};

/** ExternalName has no addresses, and nothing that speaks of them. */
export const externalNameErrors = (spec: ServiceSpec): FieldError[] => {
  const errors: FieldError[] = [];
  const refused = 'may not be set for ExternalName services';
  if ((spec.clusterIPs?.length ?? 0) > 0) errors.push(forbidden('spec.clusterIPs', refused));
  if ((spec.ipFamilies?.length ?? 0) > 0) errors.push(forbidden('spec.ipFamilies', refused));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', refused));
  return errors;
};

/**
 * What may not change in the life of a Service: its first address and family, and the second one except by giving it up or
 * getting one. Does not apply on the way to and from ExternalName.
 */
export const immutabilityErrors = (next: ServiceSpec, stored: ServiceSpec): FieldError[] => {
  const errors: FieldError[] = [];
  if (isExternalName(next) || isExternalName(stored)) return errors;
  const areHeadless = [hasOnlyNone(next), hasOnlyNone(stored)];
  if (areHeadless.every(Boolean)) return errors;
  checkAddressChange(next, stored.clusterIPs ?? [], errors);
  if (!areHeadless.includes(true)) checkFamilyChange(next, stored.ipFamilies ?? [], errors);
  return errors;
};

const unchangeable = 'may not change once set';

const checkAddressChange = (next: ServiceSpec, had: readonly string[], errors: FieldError[]): void => {
  const has = next.clusterIPs ?? [];
  if (has.length === had.length) {
    for (let i = 0; i < has.length; i++) if (has[i] !== had[i]) errors.push(invalid(`spec.clusterIPs[${i}]`, has, unchangeable));
    return;
  }
  if (has.length === 0) errors.push(invalid('spec.clusterIPs[0]', next.clusterIPs, 'primary clusterIP can not be unset'));
  else if (had.length > 0 && has[0] !== had[0]) errors.push(invalid('spec.clusterIPs[0]', has, unchangeable));
  if (has.length < had.length && has.length === 1) checkRelease(next, 'clusterIP', errors);
};

/** Index and value of these errors are upstream's, slips included: always index 0, and sometimes the addresses as the value. */
const checkFamilyChange = (next: ServiceSpec, had: readonly string[], errors: FieldError[]): void => {
  const has = next.ipFamilies ?? [];
  if (has.length === had.length) {
    if (has.some((family, i) => family !== had[i])) errors.push(invalid('spec.ipFamilies[0]', has, unchangeable));
    return;
  }
  if (has.length < had.length && (next.clusterIPs?.length ?? 0) === 0)
    errors.push(invalid('spec.ipFamilies[0]', next.ipFamilies, 'primary ipFamily can not be unset'));
  if (has.length > 0 && had.length > 0 && has[0] !== had[0]) errors.push(invalid('spec.ipFamilies[0]', next.clusterIPs, unchangeable));
  if (has.length < had.length && has.length === 1) checkRelease(next, 'ipFamily', errors);
};

/** The allocation hook says this first; without it a Service could lose an address that it did not ask to give up. */
const checkRelease = (next: ServiceSpec, what: 'clusterIP' | 'ipFamily', errors: FieldError[]): void => {
  const policy = next.ipFamilyPolicy;
  if (policy === 'SingleStack') return;
  const shown = policy === undefined ? undefined : new EnumText(policy);
  errors.push(invalid('spec.ipFamilyPolicy', shown, `must be set to 'SingleStack' when releasing the secondary ${what}`));
};

/** Any address that can be a destination. Neither checked against the pools of the cluster, nor unique. */
export const checkExternalIPs = (texts: readonly string[], storedTexts: readonly string[], errors: FieldError[]): void => {
  if (texts.length === 0) return;
  const known = new Set(storedTexts);
  for (const [i, text] of texts.entries()) {
    const parsed = parseAddressSloppy(text);
    const problem = (known.has(text) ? undefined : addressProblem(parsed)) ?? (parsed && specialPurpose(parsed.address, text));
    if (problem !== undefined) errors.push(invalid(`spec.externalIPs[${i}]`, text, problem));
  }
};

/** The ranges are those that Go's net.IP knows; the last message names one that is not quite the one checked (ffx2::/16). */
const specialPurpose = ({ family, value }: Address, text: string): string | undefined => {
  if (value === 0n) return `may not be unspecified (${text})`;
  const isV4 = family === 'IPv4';
  if (isV4 ? value >> 24n === 127n : value === 1n) return 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  if (isV4 ? value >> 16n === 0xa9fen : value >> 118n === 0x3fan) return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  if (isV4 ? value >> 8n === 0xe00000n : ((value >> 112n) & 0xff0fn) === 0xff02n)
    return 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)';
  return undefined;
};
