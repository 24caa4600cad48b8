import { parseAddressSloppy } from '@ipledger/ip';
import fc from 'fast-check';
import {
  addressProblem, annotationKeyProblems, cidrProblem, labelProblems, labelValueProblems, pathSegmentProblems, portNameProblems, qualifiedNameProblems,
  subdomainProblems, utf8Length, type Problems,
} from './formats.js';

const notLabel =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character " +
  "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const notSubdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const nameWords =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const notName = `name part ${nameWords}`;
const notLabelValue =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const encoder = new TextEncoder();
const a = (count: number): string => 'a'.repeat(count);

type Row = [text: string, problems: Problems];

describe('formats', () => {
  it.each<Row>([
    ['a', []], ['7', []], ['my-name', []], ['1-a', []], ['a--b', []], [a(63), []],
    ['', [notLabel]], ['-a', [notLabel]], ['a-', [notLabel]], ['A', [notLabel]], ['a_b', [notLabel]], ['a b', [notLabel]], ['é', [notLabel]],
    ['a\n', [notLabel]],
    ['a.b', ['must not contain dots']],
    ['a..b', [notLabel]],
    [`${a(62)}-`, [notLabel]],
    [a(64), ['must be no more than 63 characters']],
    [`${a(62)}.b`, ['must be no more than 63 characters', 'must not contain dots']],
    ['é'.repeat(32), ['must be no more than 63 characters', notLabel]], // 64 bytes in 32 characters
    ['é'.repeat(31), [notLabel]],
  ])('label %j', (text, problems) => expect(labelProblems(text)).toEqual(problems));

  it.each<Row>([
    ['example.com', []], ['1.2.3.4', []], [a(253), []],
    ['', [notSubdomain]], ['a..b', [notSubdomain]], ['a.b.', [notSubdomain]], ['A.b', [notSubdomain]], ['a_.b', [notSubdomain]],
    [`${a(252)}_`, [notSubdomain]],
    [a(254), ['must be no more than 253 characters']],
    [`${a(254)}_`, ['must be no more than 253 characters', notSubdomain]],
  ])('subdomain %j', (text, problems) => expect(subdomainProblems(text)).toEqual(problems));

  it.each<Row>([
    ['app', []], ['My_name.1', []], ['example.com/app', []], [a(63), []], [`${a(253)}/${a(63)}`, []],
    ['a/b/c', [`a valid label key ${nameWords} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]],
    ['/app', ['prefix part must be non-empty']],
    ['Exa_mple/x', [`prefix part ${notSubdomain}`]],
    [`${a(254)}/x`, ['prefix part must be no more than 253 bytes']],
    ['', ['name part must be non-empty', notName]],
    ['example.com/', ['name part must be non-empty', notName]],
    ['/', ['prefix part must be non-empty', 'name part must be non-empty', notName]],
    [`${a(62)}-`, [notName]],
    [a(64), ['name part must be no more than 63 bytes']],
    [`${a(63)}-`, ['name part must be no more than 63 bytes', notName]],
    ['-', [notName]], ['a b', [notName]], ['é', [notName]],
  ])('qualified name %j', (text, problems) => expect(qualifiedNameProblems(text)).toEqual(problems));

  it.each<Row>([
    ['example.com/app', []],
    ['Example.COM/app', []], // a label key could not be that
    ['\u0130d', []], // Go lowers it to "id"
    ['a b', [notName]],
  ])('annotation key %j: as a qualified name, whatever the case', (text, problems) => expect(annotationKeyProblems(text)).toEqual(problems));

  it.each<Row>([
    ['', []], ['MyValue', []], ['my_value.1-2', []], [a(63), []],
    [`${a(62)}-`, [notLabelValue]],
    [a(64), ['must be no more than 63 bytes']],
    ['-', [notLabelValue]], ['b c', [notLabelValue]],
    [`${a(63)}-`, ['must be no more than 63 bytes', notLabelValue]],
  ])('label value %j', (text, problems) => expect(labelValueProblems(text)).toEqual(problems));

  const charset = 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)';
  const letter = 'must contain at least one letter (a-z)';
  const hyphens = 'must not contain consecutive hyphens';
  const ends = 'must not begin or end with a hyphen';
  it.each<Row>([
    ['http', []], ['8080-a', []], [a(15), []],
    [a(16), ['must be no more than 15 characters']],
    ['8080', [letter]], ['a--b', [hyphens]], ['a-', [ends]], ['-a', [ends]],
    ['', [charset, letter]], ['HTTP', [charset, letter]], ['-', [letter, ends]],
    ['-A_b--c-', [charset, hyphens, ends]],
    ['-A_--9-A_--9-A_--9', ['must be no more than 15 characters', charset, letter, hyphens, ends]],
  ])('port name %j', (text, problems) => expect(portNameProblems(text)).toEqual(problems));

  it.each<[text: string, isPrefix: boolean, problems: Problems]>([
    ['Anything_Goes', false, []], ['...', false, []],
    ['.', false, ["may not be '.'"]], ['..', false, ["may not be '..'"]],
    ['.', true, []], ['..', true, []],
    ['a/b', false, ["may not contain '/'"]], ['a%b', true, ["may not contain '%'"]],
    ['%/', true, ["may not contain '/'", "may not contain '%'"]],
  ])('path segment %j (prefix: %j)', (text, isPrefix, problems) => expect(pathSegmentProblems(text, isPrefix)).toEqual(problems));

  const notAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
  it.each<[text: string, problem: string | undefined]>([
    ['10.9.8.7', undefined], ['FD00:0:0::1', undefined], ['::10.0.0.1', undefined],
    ['', notAddress], ['abc', notAddress], ['fe80::1%eth0', notAddress], ['[fd00::1]', notAddress], ['10.0.0.1/32', notAddress], [' 10.0.0.1', notAddress],
    ['010.0.0.1', 'must not have leading 0s'],
    ['::ffff:10.0.0.1', 'must not be an IPv4-mapped IPv6 address'],
    ['::ffff:010.0.0.1', 'must not have leading 0s'], // never both
  ])('address %j', (text, problem) => expect(addressProblem(parseAddressSloppy(text))).toBe(problem));

  const notCidr = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  it.each<[text: string, problem: string | undefined]>([
    ['10.9.8.0/24', undefined], ['2001:DB8:0::/64', undefined], ['0.0.0.0/0', undefined],
    ['', notCidr], ['10.9.8.0', notCidr], ['10.9.8.0/33', notCidr],
    ['10.009.8.0/24', 'must not have leading 0s in IP or prefix length'], ['10.9.8.0/024', 'must not have leading 0s in IP or prefix length'],
    ['::ffff:10.9.8.0/120', 'must not have an IPv4-mapped IPv6 address'], ['::ffff:10.9.8.7/120', 'must not have an IPv4-mapped IPv6 address'],
    ['10.9.8.7/24', 'must not have bits set beyond the prefix length'],
  ])('CIDR %j', (text, problem) => expect(cidrProblem(text)).toBe(problem));

  it('counts bytes as an encoder would', () => {
    const atTheSteps = fc.constantFrom('a', '\x7f', '\x80', '\u07ff', '\u0800', '\uffff', '\u{10000}', '\u{10ffff}');
    fc.assert(fc.property(fc.string({ unit: atTheSteps }), (text) => utf8Length(text) === encoder.encode(text).length), { numRuns: 1000 });
  });

  it('decides a megabyte that nearly fits in no noticeable time: no pattern backtracks over it', () => {
    const text = `${'a.a-'.repeat(250_000)}!`;
    expect(labelProblems(text)).toEqual(['must be no more than 63 characters', notLabel]);
    expect(subdomainProblems(text)).toEqual(['must be no more than 253 characters', notSubdomain]);
    expect(qualifiedNameProblems(text)).toEqual(['name part must be no more than 63 bytes', notName]);
    expect(labelValueProblems(text)).toEqual(['must be no more than 63 bytes', notLabelValue]);
  });
});
