import { createRemoteJWKSet, decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';

export interface OidcSettings {
  issuer: string;
  audience: string;
  /** Where the keys are; null = where the issuer's discovery document says. */
  jwksUri: string | null;
  userClaim: string;
  groupsClaim: string;
  /** Stands before users and groups, so that nobody outside can take the name of a token or a certificate. */
  prefix: string;
}

/** A token that was verified. */
export interface VerifiedToken {
  user: string;
  groups: readonly string[];
  expiresMs: number;
}

/** Thrown when the identity provider cannot be asked for its keys: the token may be good. */
export class ProviderUnavailable extends Error {}

/** Only signatures with a key pair: with a shared secret whoever checks tokens could make them. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const fetchMsMax = 5_000;
const keysMsMax = 10 * 60_000;
/** Between two fetches for a key that is not known: whoever sends made-up keys must not make us ask all the time. */
const cooldownMsDefault = 10_000;
const clockToleranceSeconds = 5;
const groupsMax = 1_000;

/** Verifies JWTs of one issuer. Keys are fetched when first needed, every 10 min, and when a token names one that is new. */
export class OidcVerifier {
  private keys: Promise<JWTVerifyGetKey> | undefined;

  constructor(private readonly settings: OidcSettings, private readonly cooldownMs = cooldownMsDefault) {}

  /** @returns undefined for a token that is not good, 'expired' for one that was; @throws ProviderUnavailable */
  async verify(token: string): Promise<VerifiedToken | 'unknown' | 'expired'> {
    const { issuer, audience } = this.settings;
    if (issuerOf(token) !== issuer) return 'unknown'; // nobody is asked for keys on its account
    const keys = await this.keySet();
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms, clockTolerance: clockToleranceSeconds, requiredClaims: ['exp'] });
      return this.identityIn(payload) ?? 'unknown';
    } catch (error) {
      if (error instanceof errors.JWTExpired) return 'expired';
      if (error instanceof errors.JWKSTimeout || isFetchFailure(error)) throw new ProviderUnavailable(`the keys of ${issuer} cannot be read: ${(error as Error).message}`);
      return 'unknown';
    }
  }

  private identityIn(payload: JWTPayload): VerifiedToken | undefined {
    const { userClaim, groupsClaim, prefix } = this.settings;
    const user = payload[userClaim];
    if (typeof user !== 'string' || user === '' || user.length > 256) return undefined;
    // Whoever may choose his e-mail address at the provider must not become somebody else by it.
    if (userClaim === 'email' && payload['email_verified'] === false) return undefined;
    const given = payload[groupsClaim];
    const groups = (Array.isArray(given) ? given : [given]).filter((group): group is string => typeof group === 'string').slice(0, groupsMax);
    return { user: prefix + user, groups: groups.map((group) => prefix + group), expiresMs: (payload.exp ?? 0) * 1000 };
  }

  private keySet(): Promise<JWTVerifyGetKey> {
    this.keys ??= this.discover().catch((error: unknown) => {
      this.keys = undefined; // the next token tries again
      throw error;
    });
    return this.keys;
  }

  private async discover(): Promise<JWTVerifyGetKey> {
    const uri = this.settings.jwksUri ?? (await this.discoveredUri());
    return createRemoteJWKSet(new URL(uri), { timeoutDuration: fetchMsMax, cooldownDuration: this.cooldownMs, cacheMaxAge: keysMsMax });
  }

  /** @see OpenID Connect Discovery 1.0, section 4.3: the document must name the issuer that was asked */
  private async discoveredUri(): Promise<string> {
    const { issuer } = this.settings;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(fetchMsMax), redirect: 'error' });
      const document = (await answer.json()) as { issuer?: unknown; jwks_uri?: unknown };
      if (answer.ok && document.issuer === issuer && typeof document.jwks_uri === 'string') return document.jwks_uri;
      throw new Error(answer.ok ? `it names the issuer ${JSON.stringify(document.issuer)}` : `it answered ${answer.status}`);
    } catch (error) {
      throw new ProviderUnavailable(`${url} cannot be used: ${(error as Error).message}`);
    }
  }
}

/** What jose throws when the key set is not there: a failed fetch, or its own error for an answer that is not 200 or not JSON. */
const isFetchFailure = (error: unknown): boolean => error instanceof TypeError || (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC');

const issuerOf = (token: string): string | undefined => {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
};
