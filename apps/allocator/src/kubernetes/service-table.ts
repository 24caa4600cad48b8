import type { ServiceObject } from '@ipledger/services';
import { serviceColumns } from './service-columns.js';

/** What of the object stands in a row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';
export type MetaVersion = 'v1' | 'v1beta1';

export interface TableOptions {
  version: MetaVersion;
  includeObject: IncludeObject;
  now: Date;
}

/** `kubectl get`'s table, as upstream's printer makes it. @see pkg/printers/internalversion/printers.go, Kubernetes v1.37.2 */
export const tableHead = (options: TableOptions, metadata: object, withColumns = true): string =>
  `{"kind":"Table","apiVersion":"meta.k8s.io/${options.version}","metadata":${JSON.stringify(metadata)},"columnDefinitions":${withColumns ? columnsText : 'null'},"rows":[`;

const columnsText = JSON.stringify(serviceColumns);

export const tableRow = (document: string, options: TableOptions): string => {
  const service = JSON.parse(document) as ServiceObject;
  const cells = JSON.stringify(serviceCells(service, options.now));
  if (options.includeObject === 'None') return `{"cells":${cells},"object":null}`;
  return `{"cells":${cells},"object":${options.includeObject === 'Object' ? document : partialMetadata(service, options.version)}}`;
};

export const partialMetadata = ({ metadata }: ServiceObject, version: MetaVersion): string =>
  JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata });

const serviceCells = ({ metadata, spec, status }: ServiceObject, now: Date): string[] => [
  metadata.name ?? '',
  spec.type ?? '',
  spec.clusterIPs?.[0] ?? '<none>',
  externalAddresses(spec, status),
  portsCell(spec),
  metadata.creationTimestamp === undefined ? '<unknown>' : age(now.getTime() - Date.parse(metadata.creationTimestamp)),
  selectorCell(spec.selector),
];

const listOr = (entries: readonly string[], otherwise: string): string => (entries.length > 0 ? entries.join(',') : otherwise);

const externalAddresses = (spec: ServiceObject['spec'], status: ServiceObject['status']): string => {
  const externalIPs = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return listOr(externalIPs, '<none>');
    case 'LoadBalancer': {
      const ingress = (status.loadBalancer.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').filter((text) => text !== '');
      return listOr([...[...new Set(ingress)].sort(), ...externalIPs], '<pending>');
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
};

const portsCell = ({ ports = [] }: ServiceObject['spec']): string =>
  listOr(ports.map(({ port, nodePort, protocol }) => `${port}${nodePort === undefined ? '' : `:${nodePort}`}/${protocol}`), '<none>');

const selectorCell = (selector: Record<string, string> = {}): string =>
  listOr(Object.keys(selector).sort().map((key) => `${key}=${selector[key]}`), '<none>');

/** How long ago, as kubectl says it: two units while they tell something. @see k8s.io/apimachinery/pkg/util/duration HumanDuration */
export const age = (ms: number): string => {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 120) return `${Math.max(seconds, 0)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  const days = Math.floor(hours / 24);
  if (hours < 48) return `${hours}h`;
  if (days < 8) return two(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 365 * 8 ? two(years, 'y', days % 365, 'd') : `${years}y`;
};

const two = (much: number, unit: string, rest: number, restUnit: string): string => `${much}${unit}${rest > 0 ? `${rest}${restUnit}` : ''}`;
