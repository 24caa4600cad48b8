import { parseCidrSloppy, type SloppyAddress } from '@ipledger/ip';
import { EnumText, invalid, notSupported, required, type FieldError } from '../field-error.js';

/**
 * What is wrong with one text, in upstream's words and order; empty when it is fine. Several problems are several errors.
 * A good text costs a regular expression and no allocation. Every limit counts bytes of UTF-8, whatever the words say.
 *
 * @see k8s.io/apimachinery pkg/util/validation/validation.go, pkg/api/validate/content, Kubernetes v1.37.2
 */
export type Problems = readonly string[];

const fine: Problems = [];

const labelBytesMax = 63;
const subdomainBytesMax = 253;
const portNameBytesMax = 15;

const labelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomainPattern = `${labelPattern}(\\.${labelPattern})*`;
const namePattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValuePattern = `(${namePattern})?`;

const labelForm = new RegExp(`^${labelPattern}$`);
const subdomainForm = new RegExp(`^${subdomainPattern}$`);
const nameForm = new RegExp(`^${namePattern}$`);
const labelValueForm = new RegExp(`^${labelValuePattern}$`);
const qualifiedNameForm = new RegExp(`^(${subdomainPattern}/)?${namePattern}$`);

const patternProblem = (words: string, pattern: string, ...examples: string[]): string =>
  `${words} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${pattern}')`;

const labelProblem = patternProblem(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  labelPattern, 'my-name', '123-abc',
);
const subdomainProblem = patternProblem(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  subdomainPattern, 'example.com',
);
const nameProblem = patternProblem(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  namePattern, 'MyName', 'my.name', '123-abc',
);
const labelValueProblem = patternProblem(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  labelValuePattern, 'MyValue', 'my_value', '12345',
);
const twoSlashesProblem = `a valid label key ${nameProblem} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;

/** RFC 1123 label: names of Services, namespaces and ports. */
export const labelProblems = (text: string): Problems => {
  if (text.length <= labelBytesMax && labelForm.test(text)) return fine;
  const problems: string[] = [];
  if (utf8Length(text) > labelBytesMax) problems.push(`must be no more than ${labelBytesMax} characters`);
  if (!labelForm.test(text)) problems.push(subdomainForm.test(text) ? 'must not contain dots' : labelProblem);
  return problems;
};

/** RFC 1123 subdomain. @param unit upstream counts bytes and says so only where the subdomain is a prefix */
export const subdomainProblems = (text: string, unit: 'characters' | 'bytes' = 'characters'): Problems => {
  if (text.length <= subdomainBytesMax && subdomainForm.test(text)) return fine;
  const problems: string[] = [];
  if (utf8Length(text) > subdomainBytesMax) problems.push(`must be no more than ${subdomainBytesMax} ${unit}`);
  if (!subdomainForm.test(text)) problems.push(subdomainProblem);
  return problems;
};

/** `[PREFIX/]NAME`: keys of labels, finalizers, `appProtocol`, `loadBalancerClass`. */
export const qualifiedNameProblems = (text: string): Problems => {
  if (text.length <= labelBytesMax && qualifiedNameForm.test(text)) return fine;
  const parts = text.split('/');
  if (parts.length > 2) return [twoSlashesProblem];
  const [name = '', prefix] = parts.reverse();
  const problems: string[] = [];
  if (prefix === '') problems.push('prefix part must be non-empty');
  else if (prefix !== undefined) for (const problem of subdomainProblems(prefix, 'bytes')) problems.push(`prefix part ${problem}`);
  if (name === '') problems.push('name part must be non-empty');
  else if (utf8Length(name) > labelBytesMax) problems.push(`name part must be no more than ${labelBytesMax} bytes`);
  if (!nameForm.test(name)) problems.push(`name part ${nameProblem}`);
  return problems;
};

/** As a qualified name in which case does not matter. Go lowers U+0130 to a bare `i`, JavaScript adds a dot above it. */
export const annotationKeyProblems = (text: string): Problems =>
  text.length <= labelBytesMax && qualifiedNameForm.test(text) ? fine : qualifiedNameProblems(text.replaceAll('\u0130', 'i').toLowerCase());

export const labelValueProblems = (text: string): Problems => {
  if (text.length <= labelBytesMax && labelValueForm.test(text)) return fine;
  const problems: string[] = [];
  if (utf8Length(text) > labelBytesMax) problems.push(`must be no more than ${labelBytesMax} bytes`);
  if (!labelValueForm.test(text)) problems.push(labelValueProblem);
  return problems;
};

/** A port of a pod by name (RFC 6335, lower case only). */
export const portNameProblems = (text: string): Problems => {
  const problems: string[] = [];
  if (utf8Length(text) > portNameBytesMax) problems.push(`must be no more than ${portNameBytesMax} characters`);
  if (!/^[-a-z0-9]+$/.test(text)) problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(text)) problems.push('must contain at least one letter (a-z)');
  if (text.includes('--')) problems.push('must not contain consecutive hyphens');
  if (text.startsWith('-') || text.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
};

/** What can stand between two slashes of a path. @param isPrefix something will follow, so `.` is fine */
export const pathSegmentProblems = (text: string, isPrefix = false): Problems => {
  if (!isPrefix && (text === '.' || text === '..')) return [`may not be '${text}'`];
  const problems: string[] = [];
  for (const character of ['/', '%']) if (text.includes(character)) problems.push(`may not contain '${character}'`);
  return problems.length > 0 ? problems : fine;
};

/** @param parsed what parseAddressSloppy made of the text. @see k8s.io/apimachinery pkg/util/validation/ip.go */
export const addressProblem = (parsed: SloppyAddress | undefined): string | undefined => {
  if (parsed === undefined) return 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
  if (parsed.leadingZeros) return 'must not have leading 0s';
  return parsed.mapped ? 'must not be an IPv4-mapped IPv6 address' : undefined;
};

export const cidrProblem = (text: string): string | undefined => {
  const parsed = parseCidrSloppy(text);
  if (parsed === undefined) return 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  if (parsed.leadingZeros) return 'must not have leading 0s in IP or prefix length';
  if (parsed.mapped) return 'must not have an IPv4-mapped IPv6 address';
  return parsed.hostBits ? 'must not have bits set beyond the prefix length' : undefined;
};

export const isPortNumber = (port: number): boolean => port >= 1 && port <= 65535;
export const portNumberProblem = 'must be between 1 and 65535, inclusive';

export const addInvalid = (errors: FieldError[], field: string, value: string, problems: Problems): void => {
  for (const problem of problems) errors.push(invalid(field, value, problem));
};

/** Checks a value that upstream types as an enumeration. A missing one cannot come through static defaulting. */
export const checkChoice = (field: string, value: string | undefined, supported: readonly string[], errors: FieldError[]): void => {
  if (value === undefined || value === '') errors.push(required(field));
  else if (!supported.includes(value)) errors.push(notSupported(field, new EnumText(value), supported));
};

/** Bytes of a text in UTF-8. */
export const utf8Length = (text: string): number => {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += unit <= 0x7ff || isSurrogate(unit) ? 1 : 2;
  }
  return bytes;
};

/** Half of a character that takes two units here and four bytes there. */
const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
