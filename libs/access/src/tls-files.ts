import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Logger } from '@ipledger/runtime';
import { WatchedFiles } from './watched-files.js';

/** Paths of PEM files. */
export interface TlsPaths {
  cert: string;
  key: string;
  /** Whoever has a certificate of these authorities is who it says; null = client certificates are not asked for. */
  clientCa: string | null;
}

/** The certificate of a server, taken anew when its files change. Connections that are open keep the one they began with. */
export class TlsFiles {
  private readonly files: WatchedFiles;
  private selfSigned: string;
  private server: { setSecureContext(options: SecureContextOptions): void } | undefined;

  /** @throws when a file cannot be read, or the key does not belong to the certificate */
  constructor(private readonly paths: TlsPaths, logger: Logger) {
    this.files = new WatchedFiles([paths.cert, paths.key, ...(paths.clientCa === null ? [] : [paths.clientCa])], (contents) => {
      // Half of a pair that is being replaced does not fit: it is refused here, and the whole pair is seen at the next look.
      createSecureContext(contextOf(contents));
      this.selfSigned = selfSignedIn(contents);
      this.server?.setSecureContext(contextOf(contents));
      logger.info('the TLS certificate was read anew', { file: paths.cert });
    }, (error) => logger.error('the TLS certificate cannot be used, the one before stays in force', { file: paths.cert, error: error.message }));
    createSecureContext(contextOf(this.files.contents));
    this.selfSigned = selfSignedIn(this.files.contents);
  }

  /** Options of the server. A client without certificate is let in: the guard decides. */
  get options(): SecureContextOptions & { requestCert: boolean; rejectUnauthorized: boolean } {
    return { ...contextOf(this.files.contents), requestCert: this.paths.clientCa !== null, rejectUnauthorized: false };
  }

  /**
   * The certificates of the chain that vouch for themselves, as PEM: an authority of one's own, or the server itself. Empty
   * when the chain ends at an authority that is not in the file, which clients then know or are told of by others.
   * Certificates only, although the file may hold the key as well.
   */
  get trusted(): string {
    return this.selfSigned;
  }

  serve(server: { setSecureContext(options: SecureContextOptions): void }): void {
    this.server = server;
  }

  /** Whether the files cannot be read or used, so that an older certificate is in force. */
  get isStale(): boolean {
    return this.files.isFailing;
  }

  reload(): void {
    this.files.check();
  }

  stop(): void {
    this.files.stop();
  }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

const selfSignedIn = ([chain = '']: readonly string[]): string =>
  (chain.match(pemCertificate) ?? []).filter((pem) => isSelfSigned(new X509Certificate(pem))).map((pem) => `${pem}\n`).join('');

const isSelfSigned = (certificate: X509Certificate): boolean => certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);

const contextOf = ([cert, key, ca]: readonly string[]): SecureContextOptions => ({ cert, key, minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) });
