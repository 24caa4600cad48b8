import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';

/** What a code stands for until it is redeemed, once. */
interface Grant {
  clientId: string;
  redirectUri: string;
  challenge: string;
}

/**
 * An OpenID Connect provider on this machine: discovery, one key, tokens signed with it, and the code flow with PKCE as a public client walks it
 * in a browser. Whoever comes is `alice`, who agrees to everything.
 */
export class IdentityProvider {
  private readonly server: Server;
  private keys: { kid: string; privateKey: CryptoKey; jwk: object }[] = [];
  /** How often the keys were asked for. */
  asked = 0;
  isDown = false;
  /** What went wrong in the code flow, for a test to see. */
  readonly refusals: string[] = [];
  private readonly grants = new Map<string, Grant>();

  private constructor() {
    this.server = createServer((request, response) => {
      if (this.isDown) return void response.writeHead(500).end();
      const { pathname, searchParams } = new URL(request.url ?? '/', this.issuer);
      response.setHeader('access-control-allow-origin', '*'); // a page of another origin asks
      if (pathname === '/keys') this.asked++;
      if (pathname === '/authorize') return this.authorize(searchParams, response);
      if (pathname === '/token') return void this.redeem(request, response);
      response.end(JSON.stringify(pathname === '/keys' ? { keys: this.keys.map(({ jwk }) => jwk) }
        : { issuer: this.issuer, jwks_uri: `${this.issuer}/keys`, authorization_endpoint: `${this.issuer}/authorize`, token_endpoint: `${this.issuer}/token` }));
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

  /** RFC 6749, 4.1.1 with RFC 7636: sends the browser back with a code. */
  private authorize(query: URLSearchParams, response: ServerResponse): void {
    const [redirectUri, challenge, clientId] = ['redirect_uri', 'code_challenge', 'client_id'].map((name) => query.get(name) ?? '') as [string, string, string];
    const fault = query.get('response_type') !== 'code' ? 'response_type' : query.get('code_challenge_method') !== 'S256' || challenge.length !== 43 ? 'code_challenge'
      : clientId === '' ? 'client_id' : !/\bopenid\b/.test(query.get('scope') ?? '') ? 'scope' : !query.get('state') ? 'state' : undefined;
    if (fault !== undefined) return this.refuse(response, `authorize: ${fault}`);
    const code = randomUUID();
    this.grants.set(code, { clientId, redirectUri, challenge });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    back.searchParams.set('state', query.get('state') ?? '');
    response.writeHead(302, { location: back.href }).end();
  }

  /** RFC 6749, 4.1.3 with RFC 7636: a code is good once, for whom it was made and who knows the verifier. */
  private async redeem(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await text(request));
    const grant = this.grants.get(form.get('code') ?? '');
    this.grants.delete(form.get('code') ?? '');
    const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
    const fault = request.method !== 'POST' || form.get('grant_type') !== 'authorization_code' ? 'grant_type' : grant === undefined ? 'code' : grant.challenge !== challenge ? 'code_verifier'
      : grant.redirectUri !== form.get('redirect_uri') ? 'redirect_uri' : grant.clientId !== form.get('client_id') ? 'client_id' : undefined;
    if (fault !== undefined || grant === undefined) return this.refuse(response, `token: ${fault}`);
    const idToken = await this.token({}, { audience: grant.clientId });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id_token: idToken, access_token: randomUUID(), token_type: 'Bearer', expires_in: 3600 }));
  }

  private refuse(response: ServerResponse, why: string): void {
    this.refusals.push(why);
    response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: 'invalid_request', error_description: why }));
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
