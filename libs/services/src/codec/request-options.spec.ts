import { readJson } from './json-reader.js';
import { decodeWriteOptions, readDeleteOptions } from './request-options.js';

const query = (text: string): URLSearchParams => new URLSearchParams(text);
const texts = (refused: object): string[] =>
  'invalid' in refused ? (refused.invalid as { field: string; message: string }[]).map(({ field, message }) => `${field}: ${message}`) : [JSON.stringify(refused)];

describe('decodeWriteOptions', () => {
  it.each<[string, object]>([
    ['', { dryRun: false, fieldManager: '', fieldValidation: 'Warn' }],
    ['dryRun=All&dryRun=All', { dryRun: true, fieldManager: '', fieldValidation: 'Warn' }],
    ['fieldValidation=&fieldManager=', { dryRun: false, fieldManager: '', fieldValidation: 'Warn' }],
    ['fieldValidation=Strict&fieldManager=kubectl-edit', { dryRun: false, fieldManager: 'kubectl-edit', fieldValidation: 'Strict' }],
    ['fieldManager=a&fieldManager=b&unknown=1&force=true', { dryRun: false, fieldManager: 'a', fieldValidation: 'Warn' }],
    [`fieldManager=${'x'.repeat(128)}&fieldValidation=Ignore`, { dryRun: false, fieldManager: 'x'.repeat(128), fieldValidation: 'Ignore' }],
  ])('takes ?%s', (text, options) => {
    expect(decodeWriteOptions('CreateOptions', query(text), false)).toEqual(options);
  });

  it.each([['true', true], ['', true], ['x', true], ['0', false], ['False', false]])('an apply patch may say force=%s', (text, force) => {
    expect(decodeWriteOptions('PatchOptions', query(`fieldManager=m&force=${text}`), true)).toMatchObject({ force });
  });

  it.each<[string, boolean, string[]]>([
    ['dryRun=', false, ['dryRun: Unsupported value: [""]: supported values: "All"']],
    ['dryRun=All&dryRun=x', false, ['dryRun: Unsupported value: ["All","x"]: supported values: "All"']],
    ['dryRun=All,All', false, ['dryRun: Unsupported value: ["All,All"]: supported values: "All"']],
    ['fieldValidation=Bad', false, ['fieldValidation: Unsupported value: "Bad": supported values: "", "Ignore", "Strict", "Warn"']],
    [`fieldManager=${'é'.repeat(65)}`, false, ['fieldManager: Too long: may not be more than 128 bytes']],
    ['fieldManager=a%00b', false, ['fieldManager: Invalid value: "a\\x00b": invalid character U+0000 (at position 1)']],
    ['force=false', false, ['force: Forbidden: may not be specified for non-apply patch']],
    ['', true, ['fieldManager: Required value: is required for apply patch']],
    ['force=1&fieldManager=%07&dryRun=x&fieldValidation=x', false, [
      'force: Forbidden: may not be specified for non-apply patch',
      'fieldManager: Invalid value: "\\a": invalid character U+0007 (at position 0)',
      'dryRun: Unsupported value: ["x"]: supported values: "All"',
      'fieldValidation: Unsupported value: "x": supported values: "", "Ignore", "Strict", "Warn"',
    ]],
  ])('refuses a PATCH ?%s (apply: %s)', (text, isApply, errors) => {
    expect(texts(decodeWriteOptions('PatchOptions', query(text), isApply))).toEqual(errors);
  });
});

describe('readDeleteOptions', () => {
  it.each<[string | undefined, string, object]>([
    [undefined, '', {}],
    [undefined, 'propagationPolicy=Orphan&gracePeriodSeconds=-5&dryRun=All', { propagationPolicy: 'Orphan', gracePeriodSeconds: -5, dryRun: ['All'] }],
    [undefined, 'orphanDependents=0&preconditions=x', { orphanDependents: false }],
    [undefined, 'uid=u&resourceVersion=0', { preconditions: { uid: 'u', resourceVersion: '0' } }],
    [undefined, 'uid=&resourceVersion=5', { preconditions: { resourceVersion: '5' } }],
    [undefined, 'uid=&resourceVersion=', {}],
    ['{}', 'uid=u&resourceVersion=5', {}],
    ['{}', 'propagationPolicy=X&dryRun=All', {}],
    ['{"gracePeriodSeconds":-1,"preconditions":{"uid":"u"}}', '', { gracePeriodSeconds: -1, preconditions: { uid: 'u' } }],
  ])('takes the body %s, else the query ?%s', (body, text, options) => {
    expect(readDeleteOptions(body === undefined ? undefined : readJson(body), query(text))).toEqual({ options });
  });

  it.each<[string, string[]]>([
    ['{"propagationPolicy":"X"}', ['propagationPolicy: Unsupported value: "X": supported values: "Foreground", "Background", "Orphan", "nil"']],
    ['{"propagationPolicy":"Orphan","orphanDependents":true}', ['propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set']],
    ['{"dryRun":["all"]}', ['dryRun: Unsupported value: ["all"]: supported values: "All"']],
    ['{"ignoreStoreReadErrorWithClusterBreakingPotential":true,"gracePeriodSeconds":0,"preconditions":{}}', [
      'ignoreStoreReadErrorWithClusterBreakingPotential: Invalid value: true: cannot be set together with .gracePeriodSeconds',
      'ignoreStoreReadErrorWithClusterBreakingPotential: Invalid value: true: cannot be set together with .preconditions',
    ]],
  ])('refuses %s', (body, errors) => {
    expect(texts(readDeleteOptions(readJson(body), query('')))).toEqual(errors);
  });

  it.each<[string | undefined, string, string]>([
    ['not json', '', 'the body is no DeleteOptions: found "n" at position 0, expected a value'],
    ['{"gracePeriodSeconds":"x"}', '', 'the body is no DeleteOptions: gracePeriodSeconds: found the string "x", expected a whole number below 2^53'],
    ['{"kind":"Service","apiVersion":"v1"}', '', 'the body is no DeleteOptions: kind: found "Service", expected "DeleteOptions"'],
    [undefined, 'gracePeriodSeconds=1.5', 'gracePeriodSeconds: found "1.5", expected a whole number of seconds'],
  ])('cannot read %s ?%s', (body, text, badRequest) => {
    expect(readDeleteOptions(body === undefined ? undefined : readJson(body), query(text))).toEqual({ badRequest });
  });
});
