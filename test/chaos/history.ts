/** What the clients saw: every operation with its time span and its outcome, from one process with one monotonic clock. */

export interface Operation {
  /** Unique in the run. Attempts send `<id>.<attempt>` as X-Request-Id, which the log keeps. */
  id: string;
  cluster: string;
  kind: 'create' | 'update' | 'delete' | 'get';
  /** `namespace/name` */
  service: string;
  /** Of a delete: the uid that it named as its precondition. */
  onlyUid?: string;
  /** ms of the first attempt's start and of the last answer. */
  startMs: number;
  endMs: number;
  /** How many attempts ended without an answer: each may still take effect, or have taken it, even if a later attempt was refused. */
  unknownAttempts: number;
  outcome: Outcome;
}

export type Outcome =
  /** 2xx. `revision`: X-Ipledger-Revision of a write, resourceVersion of a read. */
  | { kind: 'done'; status: number; revision: number; uid: string; addresses: readonly string[]; lbAddresses: readonly string[]; sharingKey?: string }
  /** 4xx: decided, and nothing changed. */
  | { kind: 'refused'; status: number; reason: string; message: string }
  /** No answer that says anything, until the client gave up. */
  | { kind: 'unknown'; why: string };

/** One event as `/v1/clusters/{c}/events` serves it: what the checker needs of it. */
export interface LogEvent {
  revision: number;
  epoch: number;
  type: string;
  time: string;
  command: { id: string; index: number; last: boolean; requestId: string | null };
  data: {
    address?: string; port?: number; reason?: string;
    service?: { namespace: string; name: string; uid: string };
    object?: ServiceObject;
    /** Of the log of a shared LB pool. */
    cluster?: string; sharingGroup?: string | null;
  };
}

/** What of a Service is looked at. */
export interface ServiceObject {
  metadata?: { uid?: string; resourceVersion?: string; annotations?: Record<string, string> };
  spec?: { clusterIPs?: string[] };
  status?: { loadBalancer?: { ingress?: { ip: string }[] } };
}
export const addressesOf = ({ spec }: ServiceObject): string[] => (spec?.clusterIPs ?? []).filter((ip) => ip !== 'None');
export const lbAddressesOf = ({ status }: ServiceObject): string[] => (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);

/** A violation of a promise, in a sentence with its evidence. */
export type Violation = string;
