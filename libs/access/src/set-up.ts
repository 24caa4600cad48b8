import { StartProblem, type AccessConfig, type Logger, type MetricsRegistry } from '@ipledger/runtime';
import { Access } from './access.js';
import { Guard } from './guard.js';
import { TlsFiles } from './tls-files.js';

/** How to sign in, for pages. */
export interface SignIn {
  /** Whether requests need an `Authorization` header. */
  required: boolean;
  /** The OpenID Connect issuer, and the client to name to it (authorization code with PKCE); null = tokens only. */
  oidc: { issuer: string; clientId: string } | null;
}

/** What a process needs to let the right ones in. */
export interface AccessSetUp {
  guard: Guard;
  /** null = plain HTTP. */
  tls: TlsFiles | null;
  signIn: SignIn;
  /** Shows whether the files that are in force are those that are there. */
  observe(registry: MetricsRegistry): void;
  /** Reads all files now. */
  reload(): void;
  stop(): void;
}

/** @throws StartProblem for files of access or TLS that cannot be used */
export const setUpAccess = (config: AccessConfig, logger: Logger): AccessSetUp => {
  const access = named(`ACCESS_FILE ${config.accessFile}`, () => new Access({ accessFile: config.accessFile, oidc: oidcOf(config), certificates: config.tlsClientCaFile !== null }, logger));
  const guard = new Guard(access, {
    openMetrics: config.metricsAuth === 'off',
    rateLimit: config.rateLimit === 0 ? null : { perSecond: config.rateLimit, burst: config.rateBurst === 0 ? 2 * config.rateLimit : config.rateBurst },
    requestLimit: config.requestLimit, wrongTokenLimit: config.wrongTokenLimit,
    streams: { total: config.streamLimit, perIdentity: config.streamLimitPerIdentity },
  });
  const tls = named(`TLS_CERT_FILE ${config.tlsCertFile}`, () => tlsOf(config, logger));
  return {
    guard, tls, signIn: signInOf(access, config),
    observe: (registry) => {
      const stale = registry.gauge<'file'>({ name: 'ipledger_reload_failed', help: '1 while a file cannot be read or used, and what it said before is in force.', labels: ['file'] });
      registry.onCollect(() => {
        for (const [file, isStale] of [['access', access.isStale], ['tls', tls?.isStale]] as const) if (isStale !== undefined) stale.set({ file }, Number(isStale));
      });
    },
    reload: () => {
      access.reload();
      tls?.reload();
    },
    stop: () => {
      guard.stop();
      tls?.stop();
    },
  };
};

/** The guard of a server that asks nobody who he is: of tests, and of tools that run one for themselves. */
export const openGuard = (): Guard =>
  new Guard(new Access({ accessFile: null, oidc: null, certificates: false }, null), {
    openMetrics: true, rateLimit: null, wrongTokenLimit: 0, requestLimit: 100_000, streams: { total: 10_000, perIdentity: 10_000 },
  });

/** The audience of an ID token is the client that asked for it. */
const signInOf = (access: Access, { oidcIssuer: issuer, oidcAudience: clientId }: AccessConfig): SignIn =>
  ({ required: !access.isOpen, oidc: issuer === null || clientId === null ? null : { issuer, clientId } });

const oidcOf = ({ oidcIssuer: issuer, oidcAudience: audience, oidcJwksUri: jwksUri, oidcUserClaim: userClaim, oidcGroupsClaim: groupsClaim, oidcPrefix: prefix }: AccessConfig) =>
  (issuer === null || audience === null ? null : { issuer, audience, jwksUri, userClaim, groupsClaim, prefix });

const tlsOf = ({ tlsCertFile: cert, tlsKeyFile: key, tlsClientCaFile: clientCa }: AccessConfig, logger: Logger): TlsFiles | null =>
  (cert === null || key === null ? null : new TlsFiles({ cert, key, clientCa }, logger));

const named = <T>(what: string, make: () => T): T => {
  try {
    return make();
  } catch (error) {
    throw new StartProblem(`${what} cannot be used: ${(error as Error).message}`);
  }
};
