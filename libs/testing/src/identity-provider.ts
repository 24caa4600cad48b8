import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';

/** An OpenID Connect provider on this machine: discovery, one key, and tokens signed with it. */
export class IdentityProvider {
  private readonly server: Server;
  private keys: { kid: string; privateKey: CryptoKey; jwk: object }[] = [];
  /** How often the keys were asked for. */
  asked = 0;
  isDown = false;

  private constructor() {
    this.server = createServer((request, response) => {
      if (this.isDown) return void response.writeHead(500).end();
      if (request.url === '/keys') this.asked++;
      response.end(JSON.stringify(request.url === '/keys' ? { keys: this.keys.map(({ jwk }) => jwk) } : { issuer: this.issuer, jwks_uri: `${this.issuer}/keys` }));
    });
  }
  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<IdentityProvider> {
    const provider = new IdentityProvider();
    await new Promise<void>((listening) => void provider.server.listen(0, '127.0.0.1', listening));
    await provider.useKey('first');
    return provider;
  }
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => void this.server.close(closed));
  }

  /** From now on tokens are signed with a new key, and the old one is withdrawn. */
  async useKey(kid: string): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    this.keys = [{ kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } }];
  }
  token(claims: object = {}, { expires = '1h', issuer = this.issuer, audience = 'ipledger' } = {}): Promise<string> {
    const [key] = this.keys;
    return new SignJWT({ sub: 'alice', groups: ['ops'], ...claims }).setProtectedHeader({ alg: 'ES256', kid: key!.kid })
      .setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime(expires).sign(key!.privateKey);
  }
}
