import { isIPv4 } from 'node:net';
import type { ConfigProblem } from './config.js';

/** Who gets in, and how much: the part of the configuration that every app with HTTP has. null = not set. */
export type AccessConfig = {
  allowAnonymous: boolean;
  accessFile: string | null;
  oidcIssuer: string | null;
  oidcAudience: string | null;
  oidcJwksUri: string | null;
  oidcUserClaim: string;
  oidcGroupsClaim: string;
  oidcPrefix: string;
  tlsCertFile: string | null;
  tlsKeyFile: string | null;
  tlsClientCaFile: string | null;
  metricsAuth: 'on' | 'off';
  /** Requests per second of one identity; 0 = no limit. */
  rateLimit: number;
  /** 0 = twice the rate. */
  rateBurst: number;
  /** At once, and a minute; 0 = no limit. */
  wrongTokenLimit: number;
  /** Requests in progress at once; the next one is refused with 429. */
  requestLimit: number;
  streamLimit: number;
  streamLimitPerIdentity: number;
};

/** Whether only this machine reaches a server that listens there. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));

/** What is wrong in the combination of options that are each right. */
export const accessConflicts = (config: AccessConfig & { host: string }): ConfigProblem[] => {
  const { host, allowAnonymous, accessFile, oidcIssuer, tlsClientCaFile } = config;
  const problems: ConfigProblem[] = [];
  const missing = (name: string, why: string, fix: string): void => void problems.push({ name, value: null, why, fix });
  const asksWho = accessFile !== null || oidcIssuer !== null || tlsClientCaFile !== null;
  if (!asksWho && !allowAnonymous && !isLoopback(host)) {
    problems.push({
      name: 'HOST', value: host, why: 'would let other machines in, and nobody would be asked who he is',
      fix: 'set ACCESS_FILE (docs/security.md), or ALLOW_ANONYMOUS=true if whoever reaches the port may do everything',
    });
  }
  if (asksWho && allowAnonymous) problems.push({ name: 'ALLOW_ANONYMOUS', value: 'true', why: 'contradicts the other options, by which requests need an identity', fix: 'leave out one or the other' });
  if (asksWho && accessFile === null) missing('ACCESS_FILE', 'is not set, so users of JWTs or certificates could do nothing', 'give a file whose bindings say what users and groups may do');
  if ((oidcIssuer === null) !== (config.oidcAudience === null)) missing(oidcIssuer === null ? 'OIDC_ISSUER' : 'OIDC_AUDIENCE', 'is not set, but the other one is', 'give both OIDC_ISSUER and OIDC_AUDIENCE');
  if ((config.tlsCertFile === null) !== (config.tlsKeyFile === null)) missing(config.tlsCertFile === null ? 'TLS_CERT_FILE' : 'TLS_KEY_FILE', 'is not set, but the other one is', 'give both TLS_CERT_FILE and TLS_KEY_FILE');
  if (tlsClientCaFile !== null && config.tlsCertFile === null) missing('TLS_CERT_FILE', 'is not set, and client certificates need TLS', 'give TLS_CERT_FILE and TLS_KEY_FILE');
  return problems;
};
