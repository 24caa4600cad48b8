const prefix = 'lb-pool:';

/** The name of the log of a shared LB pool. No cluster can have it: an RFC 1123 label has no colon (ADR 0004). */
export const sharedPoolLog = (pool: string): string => `${prefix}${pool}`;

/** Of which shared LB pool a log is; undefined when it is that of a cluster. */
export const sharedPoolOf = (log: string): string | undefined => (log.startsWith(prefix) ? log.slice(prefix.length) : undefined);
