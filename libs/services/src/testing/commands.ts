import { encodeService } from '../codec/encode-service.js';
import { readJson, type JsonValue } from '../codec/json-reader.js';
import type {
  AddCidr, ConfigurePool, CreateService, DeclareCidrs, DeclareClusterNetwork, DeleteService, DeletionOptions, DrainCidr, ForgetService, ImportService, RegisterCluster, ReleaseReservation, RemoveCidr, RemoveCluster, ReserveAddresses, TopUpService, UpdateService,
} from '../commands.js';
import { parseDocument } from '../service/document.js';
import type { ObjectMeta, ServiceObject, ServicePort, ServiceSpec } from '../service.js';
import { applyStaticDefaults } from '../static-defaults.js';

/** For specs: orders as the edge makes them, with a fixed time and seed. A uid follows from the name, so that a Service made anew differs only by revision. */
export interface OrderOptions {
  dryRun?: boolean;
  seed?: CreateService['seed'];
  newUid?: string;
}

export const orderTime = new Date('2026-01-02T03:04:05.678Z');
const ordered = ({ dryRun = false, seed = [1, 2, 3, 4] }: OrderOptions) => ({ time: orderTime, seed, dryRun });
const serviceOrder = (name: string, options: OrderOptions) =>
  ({ ...ordered(options), namespace: 'shop', newUid: options.newUid ?? `uid-${name}`, fieldManager: 'specs' });

/** What a Service says besides its spec. `name: undefined` leaves it out. */
export type Metadata = Partial<ObjectMeta>;

/**
 * A Service as the edge hands it over: decoded and statically defaulted, with one port and a selector unless the spec says
 * otherwise. A member that is undefined is not there.
 */
export const service = (name: string, spec: Partial<ServiceSpec> = {}, metadata: Metadata = {}): ServiceObject =>
  applyStaticDefaults(parseDocument(encodeService({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...metadata },
    spec: { ports: [{ port: 80, targetPort: 0 }], selector: { app: 'web' }, ...spec },
    status: { loadBalancer: {} },
  })));

/** Singular and plural as a careful client sends them; nothing for no address. */
export const ips = (...clusterIPs: string[]): Partial<ServiceSpec> => (clusterIPs.length === 0 ? {} : { clusterIP: clusterIPs[0], clusterIPs });
export const families = (...ipFamilies: ('IPv4' | 'IPv6')[]): Partial<ServiceSpec> => (ipFamilies.length === 0 ? {} : { ipFamilies });
export const headless: Partial<ServiceSpec> = ips('None');
export const externalName: Partial<ServiceSpec> = { type: 'ExternalName', externalName: 'db.example.com' };

/** `80`, `53/UDP`, `80:30080`, `dns=53/UDP:30053`: name, port, protocol and node port. */
export const ports = (...texts: string[]): { ports: ServicePort[] } => ({
  ports: texts.map((text) => {
    const [, name, port, protocol = 'TCP', nodePort] = /^(?:([a-z]+)=)?(\d+)(?:\/(\w+))?(?::(-?\d+))?$/.exec(text) ?? [];
    if (port === undefined) throw new Error(`not a port: ${text}`);
    return { ...(name !== undefined && { name }), port: Number(port), protocol, targetPort: 0, ...(nodePort !== undefined && { nodePort: Number(nodePort) }) };
  }),
});

export const create = (given: ServiceObject, options: OrderOptions = {}): CreateService =>
  ({ type: 'CreateService', service: given, ...serviceOrder(given.metadata.name ?? 'generated', options) });

/** PUT: what the object does not say is not there any more. */
export const replace = (given: ServiceObject, options: OrderOptions & { subresource?: 'status' } = {}): UpdateService => {
  const name = given.metadata.name ?? '';
  return { type: 'UpdateService', name, subresource: options.subresource ?? null, change: { kind: 'replace', service: given }, ...serviceOrder(name, options) };
};

/** A merge patch, in any shape JSON can have. */
export const patch = (name: string, changes: unknown, options: OrderOptions & { subresource?: 'status' } = {}): UpdateService => ({
  type: 'UpdateService',
  name,
  subresource: options.subresource ?? null,
  change: { kind: 'patch', format: 'merge', patch: json(changes), duplicates: [], fieldValidation: 'Strict' },
  ...serviceOrder(name, options),
});

/** A server-side apply of a Service of that name; `configuration` is laid over apiVersion, kind and name. */
export const apply = (
  name: string, configuration: object, manager = 'specs', options: OrderOptions & { subresource?: 'status'; force?: boolean } = {},
): UpdateService => ({
  type: 'UpdateService',
  name,
  subresource: options.subresource ?? null,
  change: {
    kind: 'apply', configuration: json({ apiVersion: 'v1', kind: 'Service', metadata: { name }, ...configuration }), duplicates: [], fieldValidation: 'Strict',
    force: options.force ?? false,
  },
  ...serviceOrder(name, options),
  fieldManager: manager,
});

const json = (value: unknown): JsonValue => {
  const read = readJson(JSON.stringify(value));
  if ('failure' in read) throw new Error(read.failure);
  return read.value;
};

export const remove = (name: string, options: DeletionOptions = {}, order: OrderOptions = {}): DeleteService =>
  ({ type: 'DeleteService', name, options, ...serviceOrder(name, order) });

/** In the namespace of all specs, unless it has one. */
export const imported = (given: ServiceObject, existing: ImportService['existing'] = 'keep'): ImportService => {
  const name = given.metadata.name ?? '';
  return { type: 'ImportService', service: given, existing, ...serviceOrder(name, {}), name, namespace: given.metadata.namespace ?? 'shop' };
};
export const forget = (name: string, uid: string | null): ForgetService => ({ type: 'ForgetService', name, uid, ...serviceOrder(name, {}) });
export const topUp = (name: string, order: OrderOptions = {}): TopUpService => ({ type: 'TopUpService', name, ...serviceOrder(name, order) });

type ClusterOptions = OrderOptions & { name?: string };
const clusterOrder = (options: ClusterOptions) => ({ name: options.name ?? 'blue', ...ordered(options) });

/** Without `default/kubernetes`, so that every address of a small pool is free. */
export const register = (
  serviceCIDRs: readonly string[], options: ClusterOptions & { nodePortRange?: string; apiServerService?: boolean } = {},
): RegisterCluster => ({
  type: 'RegisterCluster', serviceCIDRs, apiServerService: options.apiServerService ?? false, newUid: 'uid-kubernetes',
  ...(options.nodePortRange !== undefined && { nodePortRange: options.nodePortRange }), ...clusterOrder(options),
});
export const declare = (serviceCIDRs: readonly string[], options: ClusterOptions & { keepInUse?: boolean } = {}): DeclareCidrs =>
  ({ type: 'DeclareCidrs', serviceCIDRs, keepInUse: options.keepInUse ?? false, ...clusterOrder(options) });
export const addCidr = (cidr: string, options: ClusterOptions = {}): AddCidr => ({ type: 'AddCidr', cidr, ...clusterOrder(options) });
export const drainCidr = (cidr: string, options: ClusterOptions = {}): DrainCidr => ({ type: 'DrainCidr', cidr, ...clusterOrder(options) });
export const removeCidr = (cidr: string, options: ClusterOptions = {}): RemoveCidr => ({ type: 'RemoveCidr', cidr, ...clusterOrder(options) });
export const configurePool = (cidr: string, settings: { staticBandAddresses?: number; coolDownSeconds?: number } = {}, options: ClusterOptions = {}): ConfigurePool =>
  ({ type: 'ConfigurePool', cidr, staticBandAddresses: settings.staticBandAddresses ?? null, coolDownSeconds: settings.coolDownSeconds ?? null, ...clusterOrder(options) });
export const declareNetwork = (podCIDRs: string[], nodeCIDRs: string[], masks: object = {}, options: ClusterOptions = {}): DeclareClusterNetwork =>
  ({ type: 'DeclareClusterNetwork', network: { podCIDRs, nodeCIDRs, nodeMaskSizes: { IPv4: 24, IPv6: 64, ...masks } }, ...clusterOrder(options) });
/** `10.0.0.7`, `10.0.0.7-10.0.0.9`, or a family. */
export const reserve = (reservation: string, wanted: string, options: ClusterOptions & { until?: string | null } = {}): ReserveAddresses => {
  const [first = '', last = first] = wanted.split('-');
  const asked = wanted === 'IPv4' || wanted === 'IPv6' ? { family: wanted } as const : { first, last };
  return { type: 'ReserveAddresses', reservation, wanted: asked, reason: 'later', owner: 'ann', until: options.until ?? null, ...clusterOrder(options) };
};
export const releaseReservation = (reservation: string, options: ClusterOptions = {}): ReleaseReservation => ({ type: 'ReleaseReservation', reservation, ...clusterOrder(options) });
export const removeCluster = (options: ClusterOptions = {}): RemoveCluster => ({ type: 'RemoveCluster', ...clusterOrder(options) });

/** The ranges of the clusters below; `.7`, `::7` and the like are in the static band, what is chosen lies above. */
export const range4 = '10.0.0.0/24';
export const range6 = 'fd00::/120';
export const v4 = register([range4]);
export const v6 = register([range6]);
export const v4v6 = register([range4, range6]);
export const v6v4 = register([range6, range4]);
