import { parseFieldSelector, type SelectableFields } from './field-selector.js';
import { parseLabelSelector } from './label-selector.js';

const fields: SelectableFields = { 'metadata.name': 'a', 'metadata.namespace': 'ns', 'spec.clusterIP': 'None', 'spec.type': 'ClusterIP' };
const byFields = (text: string): boolean | string => {
  const selector = parseFieldSelector(text);
  return 'failure' in selector ? selector.failure : selector.matches(fields);
};
const byLabels = (text: string, labels: Record<string, string> = { app: 'x', n: '5', empty: '' }): boolean | string => {
  const selector = parseLabelSelector(text);
  return 'failure' in selector ? selector.failure : selector.matches(labels);
};

describe('a field selector', () => {
  it.each<[string, boolean | string]>([
    ['', true],
    ['metadata.name=a,metadata.name==a,spec.type!=NodePort,', true],
    ['metadata.name=b', false],
    ['=', true], ['!=', true], ['==', true], ['=,=', true], // upstream drops a term of nothing and nothing
    ['=,metadata.name=b', false],
    ['=a', 'field label not supported: '],
    ['spec.ports=80', 'field label not supported: spec.ports'],
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['metadata.name=a=b', 'invalid field selector: unescaped character in value: 61'], // the number of the character
    ['metadata.name!=a!=b', 'invalid field selector: unescaped character in value: 61'],
    ['metadata.name=a\\=b', false],
    ['metadata.name=a\\b', 'invalid field selector: invalid escape sequence: \\b'],
  ])('%s', (text, result) => {
    expect(byFields(text)).toBe(result);
  });
});

describe('a label selector', () => {
  it.each<[string, boolean | string]>([
    ['', true],
    ['app=x,n>4,!gone,empty=', true],
    ['app in (y, x),n notin (6)', true],
    ['app in (y)', false],
    ['app!=x', false], ['gone!=x', true], ['gone notin (x)', true],
    ['n<5', false], ['n>x', "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
    ['/x=1', 'unable to parse requirement: <nil>: Invalid value: "/x": prefix part must be non-empty'],
    [`${'k'.repeat(64)}=1`, `unable to parse requirement: <nil>: Invalid value: "${'k'.repeat(64)}": name part must be no more than 63 bytes`],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['app=x,', "found '', expected: identifier after ','"],
  ])('%s', (text, result) => {
    expect(byLabels(text)).toBe(result);
  });
});
