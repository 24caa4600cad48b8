import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { Logger } from '@ipledger/runtime';
import { AccessRules } from './access-file.js';
import { OidcVerifier, type OidcSettings } from './oidc.js';
import { anonymous, itself, type Identity } from './policy.js';
import { WatchedFiles } from './watched-files.js';

export interface AccessSettings {
  /** The file with tokens and bindings; null = none. */
  accessFile: string | null;
  /** null = JWTs are not accepted. */
  oidc: OidcSettings | null;
  /** Whether client certificates that the TLS layer verified are accepted. */
  certificates: boolean;
}

/** Why a request has no identity. */
export class Unauthenticated extends Error {
  /** @param isWrong it came with a token, one that is not accepted */
  constructor(message: string, readonly isWrong = false) {
    super(message);
  }
}

/** A JWT is verified once and then known by its hash, for so long at most: a key that was withdrawn ends it within this time. */
const verifiedMsMax = 5 * 60_000;
const verifiedMax = 10_000;
const bearer = /^Bearer +([\x21-\x7e]{1,8192})$/i;
const jwt = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Finds out who sent a request: by client certificate, JWT, or token of the access file, in this order. With none of them
 * set up everybody is `anonymous` and may do everything.
 */
export class Access {
  /** For requests that the process sends to itself; it leaves the process nowhere. */
  readonly ownToken = randomBytes(32).toString('base64url');
  private readonly ownHash = createHash('sha256').update(this.ownToken).digest();
  private rules = AccessRules.parse('{}');
  private readonly verified = new Map<string, { identity: Identity; untilMs: number }>();
  private readonly certificates = new WeakMap<TLSSocket, { rules: AccessRules; identity: Identity | undefined; untilMs: number }>();
  private readonly oidc: OidcVerifier | undefined;
  private readonly files: WatchedFiles | undefined;
  /** Called after the access file was read anew. */
  onReload: () => void = () => {};

  /** @throws BadAccessFile, or what reading the file throws */
  constructor(private readonly settings: AccessSettings, logger: Logger | null, private readonly now: () => number = Date.now) {
    const { accessFile } = settings;
    if (settings.oidc !== null) this.oidc = new OidcVerifier(settings.oidc);
    if (accessFile === null) return;
    this.files = new WatchedFiles([accessFile], ([text = '']) => this.take(text, logger), (error) =>
      logger?.error('the access file cannot be used, the one before stays in force', { file: accessFile, error: error.message }));
    this.rules = AccessRules.parse(this.files.contents[0] ?? '');
  }

  /** Nobody is asked who he is. */
  get isOpen(): boolean {
    return this.settings.accessFile === null && this.settings.oidc === null && !this.settings.certificates;
  }

  /**
   * Synchronous but for a JWT that was not seen before.
   * @returns Unauthenticated as a value, since it is the common case of a refusal
   * @throws ProviderUnavailable as a rejection
   */
  identify(request: IncomingMessage): Identity | Unauthenticated | Promise<Identity | Unauthenticated> {
    if (this.isOpen) return anonymous;
    const certified = this.settings.certificates ? this.certified(request.socket as TLSSocket) : undefined;
    if (certified !== undefined) return certified;
    const { authorization } = request.headers;
    if (authorization === undefined) return new Unauthenticated('the request has no credentials; send Authorization: Bearer and a token');
    const token = bearer.exec(authorization)?.[1];
    if (token === undefined) return new Unauthenticated('the header Authorization is not Bearer and a token');
    const hash = createHash('sha256').update(token).digest();
    return this.oidc !== undefined && jwt.test(token) ? this.ofJwt(token, hash.toString('base64url'), this.oidc) : this.ofToken(hash);
  }

  /** Whether the access file cannot be read or used, so that an older one is in force; undefined without one. */
  get isStale(): boolean | undefined {
    return this.files?.isFailing;
  }

  /** Reads the access file now. */
  reload(): void {
    this.files?.check();
  }

  stop(): void {
    this.files?.stop();
  }

  private take(text: string, logger: Logger | null): void {
    this.rules = AccessRules.parse(text);
    this.verified.clear(); // what they may do comes from the file
    logger?.info('the access file was read anew', { file: this.settings.accessFile });
    this.onReload();
  }

  private ofToken(hash: Buffer): Identity | Unauthenticated {
    if (timingSafeEqual(hash, this.ownHash)) return itself;
    const found = this.rules.identify(hash, this.now());
    return typeof found === 'string' ? refusal(found) : found;
  }

  private ofJwt(token: string, hash: string, oidc: OidcVerifier): Identity | Unauthenticated | Promise<Identity | Unauthenticated> {
    const known = this.verified.get(hash);
    if (known !== undefined && this.now() < known.untilMs) return known.identity;
    return this.verify(token, hash, oidc);
  }

  private async verify(token: string, hash: string, oidc: OidcVerifier): Promise<Identity | Unauthenticated> {
    this.verified.delete(hash);
    const found = await oidc.verify(token);
    if (typeof found === 'string') return refusal(found);
    const identity = this.rules.identityOf(found.user, found.groups);
    if (this.verified.size >= verifiedMax) this.verified.delete(this.verified.keys().next().value ?? '');
    this.verified.set(hash, { identity, untilMs: Math.min(found.expiresMs, this.now() + verifiedMsMax) });
    return identity;
  }

  /** A certificate is read once per connection, and again when the bindings changed. */
  private certified(socket: TLSSocket): Identity | undefined {
    const known = this.certificates.get(socket);
    if (known?.rules === this.rules) return this.now() < known.untilMs ? known.identity : undefined;
    const read = this.readCertificate(socket);
    this.certificates.set(socket, { rules: this.rules, ...read });
    return read.identity;
  }

  /** As Kubernetes reads a certificate: the common name is the user, the organizations are the groups. */
  private readCertificate(socket: TLSSocket): { identity: Identity | undefined; untilMs: number } {
    const none = { identity: undefined, untilMs: 0 };
    if (!socket.authorized) return none;
    const { subject, valid_to: validTo } = socket.getPeerCertificate() as Partial<PeerCertificate>;
    const { CN: user, O: groups } = (subject ?? {}) as { CN?: string | string[]; O?: string | string[] };
    const untilMs = Date.parse(validTo ?? '');
    if (typeof user !== 'string' || user === '' || user.includes(':') || !(this.now() < untilMs)) return none;
    // A colon is for users and groups from elsewhere, such as oidc:alice.
    return { identity: this.rules.identityOf(user, groups === undefined ? [] : [groups].flat().filter((group) => !group.includes(':'))), untilMs };
  }
}

const refusal = (why: 'unknown' | 'expired'): Unauthenticated => new Unauthenticated(why === 'expired' ? 'the token has expired' : 'the token is not accepted', true);
