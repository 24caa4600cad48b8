import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../service.js';
import { checkFieldManager, createMetadataErrors, updateMetadataErrors } from './metadata.js';
import { sampleService, shown } from './sample-service.js';

const uid = '11111111-1111-4111-8111-111111111111';
const meta = (changes: Partial<ObjectMeta>): ObjectMeta => sampleService({ metadata: changes }).metadata;
const owner = (changes: Partial<OwnerReference> = {}): OwnerReference => ({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u-1', ...changes });

const notLabel =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character " +
  "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const notName =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const notLabelValue =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const notStandard = 'name is neither a standard finalizer name nor is it fully qualified';
const fifteen = 'abcdefghijklmno';

describe('metadata of a new Service', () => {
  it.each<[what: string, given: Partial<ObjectMeta>, errors: string[]]>([
    ['a name may start with a digit', { name: '1-a' }, []],
    ['no name', { name: undefined }, ['metadata.name: Required value: name or generateName is required']],
    ['a name with a dot', { name: 'a.b' }, ['metadata.name: Invalid value: "a.b": must not contain dots']],
    ['a name that is none', { name: 'A_' }, [`metadata.name: Invalid value: "A_": ${notLabel}`]],
    ['a prefix may end in a hyphen', { generateName: 'web-', name: 'web-bcdfg' }, []],
    ['two characters before that hyphen do not count', { generateName: 'a.-', name: 'web' }, []], // upstream's mask eats the dot
    ['but a character outside ASCII is only half eaten', { generateName: 'é-', name: 'web' }, [`metadata.generateName: Invalid value: "é-": ${notLabel}`]],
    ['the shortest prefix with a hyphen', { generateName: 'A-', name: 'web' }, []], // likewise
    ['a lone hyphen is not masked', { generateName: '-', name: 'web' }, [`metadata.generateName: Invalid value: "-": ${notLabel}`]],
    [
      'a bad prefix is bad twice: as prefix and as name', { generateName: 'a.b-', name: 'a.b-bcdfg' },
      ['metadata.generateName: Invalid value: "a.b-": must not contain dots', 'metadata.name: Invalid value: "a.b-bcdfg": must not contain dots'],
    ],
    ['a prefix is checked even when a name is given', { generateName: 'G', name: 'web' }, [`metadata.generateName: Invalid value: "G": ${notLabel}`]],
    ['namespace', { namespace: 'NS_' }, [`metadata.namespace: Invalid value: "NS_": ${notLabel}`]],
    ['no namespace', { namespace: undefined }, ['metadata.namespace: Required value']],
    ['generation', { generation: -1 }, ['metadata.generation: Invalid value: -1: must be greater than or equal to 0']],
    ['a positive generation is stored as given', { generation: 7 }, []],
    ['labels: the key, then the value', { labels: { 'a b': 'b c' } }, [`metadata.labels: Invalid value: "a b": ${notName}`, `metadata.labels: Invalid value: "b c": ${notLabelValue}`]],
    ['a key that every object has', { labels: { constructor: 'x', toString: '' } }, []],
    ['annotation keys in any case', { annotations: { 'Example.com/Key': 'anything: goes\n' } }, []],
    ['an annotation key, shown as typed', { annotations: { 'A b': '' } }, [`metadata.annotations: Invalid value: "A b": ${notName}`]],
    ['annotations up to 256 KiB', { annotations: { ab: 'x'.repeat(262142) } }, []],
    ['annotations over 256 KiB, in bytes', { annotations: { ab: `${'x'.repeat(262141)}é` } }, ['metadata.annotations: Too long: may not be more than 262144 bytes']],
    ['a finalizer that is no name', { finalizers: ['a b'] }, [`metadata.finalizers: Invalid value: "a b": ${notName}`, `metadata.finalizers[0]: Invalid value: "a b": ${notStandard}`]],
    ['finalizers without a domain: three are known', { finalizers: ['kubernetes', 'orphan', 'x', 'a/b'] }, [`metadata.finalizers[2]: Invalid value: "x": ${notStandard}`]],
    [
      'orphan and foregroundDeletion', { finalizers: ['orphan', 'foregroundDeletion'] },
      ['metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set'],
    ],
  ])('%s', (_, given, errors) => expect(shown(createMetadataErrors(meta(given)))).toEqual(errors));

  it.each<[what: string, given: OwnerReference[], errors: string[]]>([
    ['a good one', [owner()], []],
    [
      'everything empty', [owner({ apiVersion: '', kind: '', name: '', uid: '' })],
      ['apiVersion', 'kind', 'name', 'uid'].map((part) => `metadata.ownerReferences[0].${part}: Required value: must not be empty`),
    ],
    ...['a/b/c', 'a/', '/'].map((apiVersion): [string, OwnerReference[], string[]] => [
      `apiVersion ${apiVersion}`, [owner(), owner({ apiVersion })],
      [`metadata.ownerReferences[1].apiVersion: Invalid value: "${apiVersion}": must be <group>/<version> or <version>`],
    ]),
    [
      'an Event', [owner({ blockOwnerDeletion: false, apiVersion: 'v1', kind: 'Event' })],
      ['metadata.ownerReferences[0]: Invalid value: {"apiVersion":"v1","kind":"Event","name":"web","uid":"u-1","blockOwnerDeletion":false}: /v1, Kind=Event is disallowed from being an owner'],
    ],
    ['an Event of another group', [owner({ apiVersion: 'events.k8s.io/v1', kind: 'Event' })], []],
    [
      'two controllers', [owner({ controller: true }), owner({ controller: false }), owner({ kind: 'Gateway', name: 'g', controller: true })],
      [
        'metadata.ownerReferences: Invalid value: [{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"u-1","controller":true},' +
          '{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"u-1","controller":false},' +
          '{"apiVersion":"apps/v1","kind":"Gateway","name":"g","uid":"u-1","controller":true}]: ' +
          'Only one reference can have Controller set to true. Found "true" in references for Deployment/web and Gateway/g',
      ],
    ],
  ])('owner references: %s', (_, ownerReferences, errors) => expect(shown(createMetadataErrors(meta({ ownerReferences })))).toEqual(errors));

  it('stops repeating the list of owners after ten controllers too many: each error prints the whole list', () => {
    const ownerReferences = Array.from({ length: 50 }, (_, i) => owner({ name: `owner-${i}`, controller: true }));
    expect(createMetadataErrors(meta({ ownerReferences }))).toHaveLength(10);
  });

  it.each<[what: string, given: ManagedFieldsEntry, errors: string[]]>([
    ['a good one', { operation: 'Apply', fieldsType: 'FieldsV1', manager: 'me', subresource: 'status' }, []],
    ['no operation', {}, ['operation: Required value: must not be empty']],
    ['operation', { operation: 'Patch' }, ['operation: Unsupported value: "Patch": supported values: "Apply", "Update"']],
    ['fieldsType', { operation: 'Update', fieldsType: 'FieldsV2' }, ['fieldsType: Invalid value: "FieldsV2": must be `FieldsV1`']],
    ['manager', { operation: 'Update', manager: 'x'.repeat(129) }, ['manager: Too long: may not be more than 128 bytes']],
    ['subresource', { operation: 'Update', subresource: 'x'.repeat(257) }, ['subresource: Too long: may not be more than 256 bytes']],
  ])('managed fields: %s', (_, entry, errors) =>
    expect(shown(createMetadataErrors(meta({ managedFields: [entry] })))).toEqual(errors.map((error) => `metadata.managedFields[0].${error}`)));

  it('reports in the order generateName, name, namespace, generation, labels, annotations, owners, finalizers, managed fields, finalizer names', () => {
    const everything: Partial<ObjectMeta> = {
      managedFields: [{}], finalizers: ['-'], ownerReferences: [owner({ name: '' })], annotations: { '-': '' }, labels: { '-': '' }, generation: -1,
      namespace: '-', name: '-', generateName: '-',
    };
    expect(createMetadataErrors(meta(everything)).map(({ field }) => field.replace('metadata.', ''))).toEqual([
      'generateName', 'name', 'namespace', 'generation', 'labels', 'annotations', 'ownerReferences[0].name', 'finalizers', 'managedFields[0].operation',
      'finalizers[0]',
    ]);
  });
});

describe('metadata of a Service that is changed', () => {
  const deleted = '2026-01-02T03:04:05Z';
  it.each<[what: string, next: Partial<ObjectMeta>, stored: Partial<ObjectMeta>, errors: string[]]>([
    ['nothing', {}, {}, []],
    ['a name of older rules stays', { name: 'A_b.c' }, { name: 'A_b.c' }, []],
    ['a prefix only has to fit a path', { generateName: 'G_%/' }, {}, ["metadata.generateName: Invalid value: \"G_%/\": may not contain '/'", "metadata.generateName: Invalid value: \"G_%/\": may not contain '%'"]],
    ['labels', { labels: { '-': '' } }, {}, [`metadata.labels: Invalid value: "-": ${notName}`]],
    ['uid', { uid: 'other' }, {}, ['metadata.uid: Invalid value: "other": field is immutable']],
    [
      'a deletion that nobody asked for', { deletionTimestamp: deleted, deletionGracePeriodSeconds: 5 }, {},
      ['metadata.deletionTimestamp: Invalid value: "2026-01-02T03:04:05Z": field is immutable', 'metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable'],
    ],
    [
      'another grace period', { deletionTimestamp: deleted, deletionGracePeriodSeconds: 5 }, { deletionTimestamp: deleted, deletionGracePeriodSeconds: 0 },
      ['metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable'],
    ],
    ['finalizers may come while nobody deletes', { finalizers: ['a/b'] }, {}, []],
    [
      'but not after: they are sorted, each once', { finalizers: ['c/d', 'a/b', 'a/b', 'old/one'], deletionTimestamp: deleted },
      { finalizers: ['old/one', 'gone/one'], deletionTimestamp: deleted },
      ['metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/b", "c/d"}'],
    ],
    ['finalizers may go', { deletionTimestamp: deleted }, { finalizers: ['old/one'], deletionTimestamp: deleted }, []],
    [
      'order: general, new finalizers, immutable, finalizer names', { labels: { '-': '' }, finalizers: ['x'], uid: 'other', deletionTimestamp: deleted },
      { deletionTimestamp: deleted },
      [
        `metadata.labels: Invalid value: "-": ${notName}`,
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x"}',
        'metadata.uid: Invalid value: "other": field is immutable', `metadata.finalizers[0]: Invalid value: "x": ${notStandard}`,
      ],
    ],
  ])('%s', (_, next, stored, errors) => expect(shown(updateMetadataErrors(meta({ uid, ...next }), meta({ uid, ...stored })))).toEqual(errors));
});

it.each<[manager: string, errors: string[]]>([
  ['', []], ['kubectl client/1.2 (é)', []],
  ['a\u0000b', ['Invalid value: "a\\x00b": invalid character U+0000 (at position 1)']],
  ['é\u200b', ['Invalid value: "é\\u200b": invalid character U+200B (at position 2)']], // positions are bytes
  [`${fifteen.repeat(9)}`, ['Too long: may not be more than 128 bytes']],
])('field manager %j', (manager, messages) => {
  const errors: Parameters<typeof checkFieldManager>[2] = [];
  checkFieldManager('fieldManager', manager, errors);
  expect(errors.map(({ message }) => message)).toEqual(messages);
});
