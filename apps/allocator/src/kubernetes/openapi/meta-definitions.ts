import { atomicList, atomicTexts, core, flag, int32, int64, intOrString, keyedList, meta, networking, object, ofKind, ref, text, textMap, type Schema } from './schema.js';

const time = meta('Time');
const standard = {
  apiVersion: text('Version of the schema of this object.'),
  kind: text('Kind of this object, in CamelCase.'),
};

const objectMeta = object('What every object has: its name, its versions, what is attached to it.', {
  annotations: textMap('Texts that tools attach; nothing can be selected by them.'),
  creationTimestamp: ref(time, 'When the object was made. Set by the server.'),
  deletionGracePeriodSeconds: int64('Seconds left to end gracefully; only together with deletionTimestamp. Set by the server.'),
  deletionTimestamp: ref(time, 'When deletion was asked for; the object goes when finalizers is empty. Set by the server.'),
  finalizers: {
    type: 'array', items: { type: 'string' }, description: 'Who has something to do before the object goes. It is deleted when the list is empty.',
    extensions: { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' },
  },
  generateName: text('Beginning of a name that the server completes, when name is left out.'),
  generation: int64('Counts changes of what is wanted. Set by the server.'),
  labels: textMap('Texts to select by.'),
  managedFields: atomicList(ref(meta('ManagedFieldsEntry')), 'Who wrote which fields last. Kept by the server.'),
  name: text('Name, unique in its namespace. Cannot be changed.'),
  namespace: text('Namespace that the name is unique in. Cannot be changed.'),
  ownerReferences: keyedList(ref(meta('OwnerReference')), 'Objects that this one belongs to.', ['uid']),
  resourceVersion: text('Changes with every change of the object; send it back to change just what you have seen. Opaque.'),
  selfLink: text('Not used any more.'),
  uid: text('Identity over time: another object of the same name has another one. Set by the server.'),
});

const managedFieldsEntry = object('What one manager wrote.', {
  apiVersion: text('Version of the schema that fieldsV1 is about.'), fieldsType: text('FieldsV1.'), fieldsV1: ref(meta('FieldsV1'), 'The fields, as a tree.'),
  manager: text('Name of the manager.'), operation: text('Apply or Update.'), subresource: text('Subresource that was written through, if any.'), time: ref(time, 'When the entry changed last.'),
});

const deleteOptions = ofKind('', 'DeleteOptions', object('How to delete.', {
  ...standard,
  dryRun: atomicTexts('All: decide, change nothing.'), gracePeriodSeconds: int64('Seconds to end gracefully; Services end at once.'),
  ignoreStoreReadErrorWithClusterBreakingPotential: flag('Taken and without effect: every Service can be read.'),
  orphanDependents: flag('Deprecated, use propagationPolicy.'), preconditions: ref(meta('Preconditions'), 'What must hold, or the deletion is refused.'),
  propagationPolicy: text('Orphan, Background or Foreground.'),
}));

const status = ofKind('', 'Status', object('The answer when there is no object to answer with: an error, mostly.', {
  ...standard, code: int32('HTTP status.'), details: ref(meta('StatusDetails'), 'What it is about.'), message: text('For people.'),
  metadata: ref(meta('ListMeta'), 'Empty.'), reason: text('For programs: why.'), status: text('Success or Failure.'),
}));

const statusDefinitions = {
  [meta('Status')]: status,
  [meta('StatusCause')]: object('One reason for a failure.', { field: text('Path of the field.'), message: text('For people.'), reason: text('For programs.') }),
  [meta('StatusDetails')]: object('What a Status is about.', {
    causes: atomicList(ref(meta('StatusCause')), 'Single reasons.'), group: text('API group.'), kind: text('Resource or kind.'), name: text('Name of the object.'),
    retryAfterSeconds: int32('Try again after so many seconds.'), uid: text('Identity of the object.'),
  }),
};

export const metaDefinitions: Readonly<Record<string, Schema>> = {
  [meta('DeleteOptions')]: deleteOptions,
  [meta('FieldsV1')]: { type: 'object', description: 'A set of fields as a tree: f:NAME is a field, k:{KEYS} an entry of a list by its keys, v:VALUE one by its value.' },
  [meta('ListMeta')]: object('What every list has.', {
    continue: text('Ask again with it for the next page.'), remainingItemCount: int64('How many more there are, when that is known.'),
    resourceVersion: text('Revision that the list shows; a watch can go on from it.'), selfLink: text('Not used any more.'),
  }),
  [meta('ManagedFieldsEntry')]: managedFieldsEntry,
  [meta('ObjectMeta')]: objectMeta,
  [meta('OwnerReference')]: {
    ...object('An object that another one belongs to.', {
      apiVersion: text('API version of the owner.'), blockOwnerDeletion: flag('Whether the owner waits for this object when it is deleted in the foreground.'),
      controller: flag('Whether the owner manages this object.'), kind: text('Kind of the owner.'), name: text('Name of the owner.'), uid: text('Identity of the owner.'),
    }, ['apiVersion', 'kind', 'name', 'uid']),
    extensions: { 'x-kubernetes-map-type': 'atomic' },
  },
  [meta('Patch')]: { type: 'object', description: 'A change, in the form that the content type of the request names.' },
  [meta('Preconditions')]: object('What must hold of an object that is deleted.', { resourceVersion: text('It has this resourceVersion.'), uid: text('It has this uid.') }),
  ...statusDefinitions,
  [time]: { type: 'string', format: 'date-time', description: 'A point in time, RFC 3339.' },
  [intOrString]: { type: 'string', format: 'int-or-string', description: 'A number or a text.' },
};

const readOnly = (kind: string, description: string, members: Record<string, Schema>) => ({
  [networking(kind)]: ofKind('networking.k8s.io', kind, object(description, { ...standard, metadata: ref(meta('ObjectMeta'), 'Name, labels and the like.'), ...members })),
  [networking(`${kind}List`)]: ofKind('networking.k8s.io', `${kind}List`, object(`A list of ${kind} objects.`, {
    ...standard, items: { type: 'array', items: ref(networking(kind)), description: 'The objects.' }, metadata: ref(meta('ListMeta'), 'Revision and paging of the list.'),
  }, ['items'])),
});

export const networkingDefinitions: Readonly<Record<string, Schema>> = {
  ...readOnly('IPAddress', 'An address that is held by a Service: a claim.', { spec: ref(networking('IPAddressSpec'), 'Who holds it.') }),
  [networking('IPAddressSpec')]: object('Who holds an address.', { parentRef: ref(networking('ParentReference'), 'The Service that holds the address.') }, ['parentRef']),
  [networking('ParentReference')]: object('The object that an address belongs to.', {
    group: text('API group, empty for Services.'), name: text('Name of the object.'), namespace: text('Namespace of the object.'), resource: text('services'),
  }, ['resource', 'name']),
  ...readOnly('ServiceCIDR', 'Ranges that addresses of Services are taken from: pools.', {
    spec: ref(networking('ServiceCIDRSpec'), 'The ranges.'), status: ref(networking('ServiceCIDRStatus'), 'Whether addresses are taken from them.'),
  }),
  [networking('ServiceCIDRSpec')]: object('The ranges of a ServiceCIDR.', { cidrs: atomicTexts('The ranges, the primary family first.') }),
  [networking('ServiceCIDRStatus')]: object('State of a ServiceCIDR.', { conditions: keyedList(ref(meta('Condition')), 'Ready is False while a range is drained.', ['type']) }),
};

const review = (group: string, kind: string, spec?: string) => ({
  [kindDefinition(group, kind)]: ofKind(group, kind, object('A question about the one who asks; the answer has a status.', {
    ...standard, metadata: ref(meta('ObjectMeta'), 'Empty.'), ...(spec && { spec: ref(kindDefinition(group, spec), 'The question.') }),
    status: { type: 'object', description: 'The answer.' },
  }, spec === undefined ? undefined : ['spec'])),
});

/** The kind of a resource, as a definition. */
export const kindDefinition = (group: string, kind: string): string => (group === '' ? core(kind) : `io.k8s.api.${group.split('.')[0]}.v1.${kind}`);

const authorization = 'authorization.k8s.io';
const question = (description: string, members: readonly string[]): Schema => object(description, Object.fromEntries(members.map((name) => [name, text(`The ${name} that is asked about.`)])));

export const reviewDefinitions: Readonly<Record<string, Schema>> = {
  ...review('authentication.k8s.io', 'SelfSubjectReview'),
  ...review(authorization, 'SelfSubjectAccessReview', 'SelfSubjectAccessReviewSpec'),
  ...review(authorization, 'SelfSubjectRulesReview', 'SelfSubjectRulesReviewSpec'),
  [kindDefinition(authorization, 'SelfSubjectAccessReviewSpec')]: object('One of the two: a request about a resource, or about another path.', {
    nonResourceAttributes: ref(kindDefinition(authorization, 'NonResourceAttributes'), 'A request about another path.'),
    resourceAttributes: ref(kindDefinition(authorization, 'ResourceAttributes'), 'A request about a resource.'),
  }),
  [kindDefinition(authorization, 'NonResourceAttributes')]: question('A request about another path.', ['path', 'verb']),
  [kindDefinition(authorization, 'ResourceAttributes')]: question('A request about a resource.', ['group', 'name', 'namespace', 'resource', 'subresource', 'verb', 'version']),
  [kindDefinition(authorization, 'SelfSubjectRulesReviewSpec')]: question('Where to.', ['namespace']),
};
