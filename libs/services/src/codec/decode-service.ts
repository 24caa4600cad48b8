import { goQuote } from '../field-error.js';
import type { ServiceObject } from '../service.js';
import {
  flag, flagPointer, int32, int32Pointer, int64, int64Pointer, intOrText, list, Misfit, raw, struct, text, textList, textMap,
  textPointer, time, Walk, type Reader,
} from './go-types.js';
import { emptyObject, isJsonObject, type JsonObject, type JsonValue } from './json-reader.js';

/** Every field of a Service. @see k8s.io/api/core/v1/types.go and apimachinery's meta/v1/types.go, v1.37.2 */
const ownerReference = struct(
  'OwnerReference',
  { apiVersion: text(), kind: text(), name: text(), uid: text('types.UID'), controller: flagPointer, blockOwnerDeletion: flagPointer },
  () => ({ apiVersion: '', kind: '', name: '', uid: '' }),
);

const managedFieldsEntry = struct(
  'ManagedFieldsEntry',
  {
    manager: text(), operation: text('v1.ManagedFieldsOperationType'), apiVersion: text(), time, fieldsType: text(),
    fieldsV1: raw, subresource: text(),
  },
  () => ({}),
);

const objectMeta = struct(
  'ObjectMeta',
  {
    name: text(), generateName: text(), namespace: text(), selfLink: text(), uid: text('types.UID'), resourceVersion: text(),
    generation: int64, creationTimestamp: time, deletionTimestamp: time, deletionGracePeriodSeconds: int64Pointer,
    labels: textMap, annotations: textMap,
    ownerReferences: list(ownerReference, () => ({ apiVersion: '', kind: '', name: '', uid: '' })),
    finalizers: textList(), managedFields: list(managedFieldsEntry, () => ({})),
  },
  () => ({}),
);

const zeroPort = (): { port: number; targetPort: number } => ({ port: 0, targetPort: 0 });

const servicePort = struct(
  'ServicePort',
  { name: text(), protocol: text('v1.Protocol'), appProtocol: textPointer(), port: int32, targetPort: intOrText, nodePort: int32 },
  zeroPort,
);

const sessionAffinityConfig = struct(
  'SessionAffinityConfig',
  { clientIP: struct('ClientIPConfig', { timeoutSeconds: int32Pointer }, () => ({})) },
  () => ({}),
);

const serviceSpec = struct(
  'ServiceSpec',
  {
    ports: list(servicePort, zeroPort), selector: textMap, clusterIP: text(), clusterIPs: textList(), type: text('v1.ServiceType'),
    externalIPs: textList(), sessionAffinity: text('v1.ServiceAffinity'), loadBalancerIP: text(), loadBalancerSourceRanges: textList(),
    externalName: text(), externalTrafficPolicy: text('v1.ServiceExternalTrafficPolicy'), healthCheckNodePort: int32,
    publishNotReadyAddresses: flag, sessionAffinityConfig, ipFamilies: textList('v1.IPFamily'), ipFamilyPolicy: textPointer('v1.IPFamilyPolicy'),
    allocateLoadBalancerNodePorts: flagPointer, loadBalancerClass: textPointer(),
    internalTrafficPolicy: textPointer('v1.ServiceInternalTrafficPolicy'), trafficDistribution: textPointer(),
  },
  () => ({}),
);

const zeroPortStatus = (): { port: number; protocol: string } => ({ port: 0, protocol: '' });

const loadBalancerIngress = struct(
  'LoadBalancerIngress',
  {
    ip: text(), hostname: text(), ipMode: textPointer('v1.LoadBalancerIPMode'),
    ports: list(struct('PortStatus', { port: int32, protocol: text('v1.Protocol'), error: textPointer() }, zeroPortStatus), zeroPortStatus),
  },
  () => ({}),
);

const zeroCondition = () => ({ type: '', status: '', lastTransitionTime: null, reason: '', message: '' });

const condition = struct(
  'Condition',
  { type: text(), status: text('v1.ConditionStatus'), observedGeneration: int64, lastTransitionTime: time, reason: text(), message: text() },
  zeroCondition,
);

const serviceStatus = struct(
  'ServiceStatus',
  {
    loadBalancer: struct('LoadBalancerStatus', { ingress: list(loadBalancerIngress, () => ({})) }, () => ({})),
    conditions: list(condition, zeroCondition),
  },
  () => ({ loadBalancer: {} }),
);

const zeroService = (): ServiceObject => ({ apiVersion: 'v1', kind: 'Service', metadata: {}, spec: {}, status: { loadBalancer: {} } });

const serviceStruct = struct<ServiceObject>(
  'Service',
  { kind: text(), apiVersion: text(), metadata: objectMeta, spec: serviceSpec, status: serviceStatus },
  zeroService,
);

/** Why a tree is no Service: `failure` in our words (difference 9), `upstream` as Go's decoder says it (the 422 of a PATCH shows that). */
export interface Undecodable {
  failure: string;
  upstream: string;
}

/**
 * A Service from a JSON tree, without defaults.
 * @param duplicates the paths that `readJson` noted
 * @returns `strict`: upstream's texts of unknown and duplicate fields in its order (that of the text); at most 100
 */
export const decodeService = (tree: JsonValue, duplicates: readonly string[]): { service: ServiceObject; strict: string[] } | Undecodable => {
  const decoded = decode(serviceStruct, tree, new Walk(new Set(duplicates), 'json', goQuote), serviceKinds);
  return 'failure' in decoded ? decoded : { service: asService(decoded.value), strict: decoded.strict };
};

/**
 * The result of a strategic patch. Upstream converts it without a JSON decoder: kind and apiVersion are not looked at,
 * unknown fields are reported in alphabetical order and unquoted, and misfits have texts of their own.
 */
export const decodeMergedService = (tree: JsonObject): { service: ServiceObject; strict: string[] } | Undecodable => {
  const decoded = decode(serviceStruct, tree, new Walk(new Set(), 'converter', (path) => `"${path}"`));
  return 'failure' in decoded ? decoded : { service: asService(decoded.value), strict: decoded.strict.sort() };
};

/** Options of a DELETE; all pointers but `dryRun`. Decoded, not validated. @see request-options.ts */
export interface DeleteOptions {
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
  orphanDependents?: boolean;
  propagationPolicy?: string;
  dryRun?: string[];
  ignoreStoreReadErrorWithClusterBreakingPotential?: boolean;
}

const deleteOptions = struct<DeleteOptions>(
  'DeleteOptions',
  {
    kind: text(), apiVersion: text(), gracePeriodSeconds: int64Pointer,
    preconditions: struct('Preconditions', { uid: textPointer('types.UID'), resourceVersion: textPointer() }, () => ({})),
    orphanDependents: flagPointer, propagationPolicy: textPointer('v1.DeletionPropagation'), dryRun: textList(),
    ignoreStoreReadErrorWithClusterBreakingPotential: flagPointer,
  },
  () => ({}),
);

/** The body of a DELETE: `DeleteOptions` of any version, or without kind. */
export const decodeDeleteOptions = (
  tree: JsonValue, duplicates: readonly string[] = [],
): { options: DeleteOptions; strict: string[] } | Undecodable => {
  const decoded = decode(deleteOptions, tree, new Walk(new Set(duplicates), 'json', goQuote), deleteKinds);
  if ('failure' in decoded) return decoded;
  const { kind: _kind, apiVersion: _version, ...options } = decoded.value as DeleteOptions & { kind?: string; apiVersion?: string };
  return { options, strict: decoded.strict };
};

interface Kinds {
  readonly kind: string;
  readonly versions: readonly string[] | 'any';
  /** What upstream says of another kind or version. */
  otherwise(kind: string, version: string): string;
}

/** Kinds that upstream's scheme knows in `v1`: it can decode them, and fails one step later than for an unknown kind. */
const coreKinds = new Set(
  ('Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate ' +
    'ReplicationController ResourceQuota Secret ServiceAccount').split(' ').flatMap((kind) => [kind, `${kind}List`]).concat('ServiceList'),
);

const notRegistered = (kind: string, version: string): string =>
  `no kind ${goQuote(kind)} is registered for version ${goQuote(version)} in scheme "pkg/runtime/scheme.go:111"`;

const serviceKinds: Kinds = {
  kind: 'Service',
  versions: ['v1'],
  otherwise: (kind, version) =>
    version === 'v1' && coreKinds.has(kind) ? `converting (v1.${kind}) to (core.Service): unknown conversion` : notRegistered(kind, version),
};

/** Upstream's scheme has DeleteOptions in every group and version, served or not. */
const deleteKinds: Kinds = { kind: 'DeleteOptions', versions: 'any', otherwise: notRegistered };

const decode = <T extends object>(type: Reader<T>, tree: JsonValue, walk: Walk, kinds?: Kinds): { value: T; strict: string[] } | Undecodable => {
  const body = tree ?? emptyObject(); // Upstream decodes null as an empty object.
  try {
    if (kinds !== undefined) checkKind(body, kinds);
    const value = type.read(body, walk) as T; // A struct is never left out.
    return { value, strict: walk.strict };
  } catch (error) {
    if (error instanceof Misfit) return { failure: error.message, upstream: error.upstream };
    throw error;
  }
};

/** Kind and version are looked at before anything else, as upstream does; either may be missing or empty. */
const checkKind = (body: JsonValue, { kind, versions, otherwise }: Kinds): void => {
  const unreadable = "couldn't get version/kind; json parse error: json: cannot unmarshal";
  const found = body === null || typeof body !== 'object' ? typeof body : Array.isArray(body) ? 'array' : 'object';
  if (!isJsonObject(body)) {
    const struct = String.raw`struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`;
    throw new Misfit(
      `the body: found ${found === 'array' ? 'a list' : `a ${found}`}, expected a ${kind} object`,
      `${unreadable} ${found === 'boolean' ? 'bool' : found} into Go value of type ${struct}`,
    );
  }
  const given = { kind: memberNamed(body, 'kind'), apiVersion: memberNamed(body, 'apiversion') };
  for (const name of ['apiVersion', 'kind'] as const) {
    if (typeof given[name] === 'string') continue;
    const what = Array.isArray(given[name]) ? 'array' : typeof given[name] === 'boolean' ? 'bool' : typeof given[name];
    throw new Misfit(`${name}: found a ${what}, expected a string`, `${unreadable} ${what} into Go struct field .${name} of type string`);
  }
  const actual = { kind: String(given.kind || kind), apiVersion: String(given.apiVersion || 'v1') };
  if (actual.apiVersion.split('/').length > 2) {
    throw new Misfit(`apiVersion: found ${JSON.stringify(cut(actual.apiVersion))}, expected "v1"`, `unexpected GroupVersion string: ${actual.apiVersion}`);
  }
  if (actual.kind === kind && (versions === 'any' || versions.includes(actual.apiVersion))) return;
  const [name, expected] = actual.kind === kind ? (['apiVersion', 'v1'] as const) : (['kind', kind] as const);
  throw new Misfit(
    `${name}: found ${JSON.stringify(cut(actual[name]))}, expected ${JSON.stringify(expected)}`,
    otherwise(actual.kind, actual.apiVersion),
  );
};

/** In any case, the last one that is not null, "" when there is none: kind and version are read by Go's lenient decoder. */
const memberNamed = (body: JsonObject, lowerCaseName: string): JsonValue => {
  let found: JsonValue = '';
  for (const key in body) if (key.length === lowerCaseName.length && key.toLowerCase() === lowerCaseName) found = body[key] ?? found;
  return found;
};

const cut = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 60)}…`);

/** `kind` and `apiVersion` may have been given as "" or, to a strategic patch, as anything: what is stored is a v1 Service. */
const asService = (service: ServiceObject): ServiceObject => {
  service.apiVersion = 'v1';
  service.kind = 'Service';
  return service;
};
