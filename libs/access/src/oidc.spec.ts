import { IdentityProvider } from '@ipledger/testing';
import { SignJWT, UnsecuredJWT } from 'jose';
import { OidcVerifier, ProviderUnavailable, type OidcSettings } from './oidc.js';

describe('a JWT', () => {
  let provider: IdentityProvider;
  let verifier: OidcVerifier;
  const verifierWith = (more: Partial<OidcSettings> = {}): OidcVerifier =>
    new OidcVerifier({ issuer: provider.issuer, audience: 'ipledger', jwksUri: null, userClaim: 'sub', groupsClaim: 'groups', prefix: 'oidc:', ...more }, 0);
  beforeEach(async () => {
    provider = await IdentityProvider.start();
    verifier = verifierWith();
  });
  afterEach(() => provider.stop());

  it('names a user and groups, under the prefix, and when it ends', async () => {
    const before = Date.now();
    const found = await verifier.verify(await provider.token({ groups: ['ops', 7, 'dev'] }));
    expect(found).toEqual({ user: 'oidc:alice', groups: ['oidc:ops', 'oidc:dev'], expiresMs: expect.any(Number) as number });
    expect((found as { expiresMs: number }).expiresMs).toBeGreaterThan(before + 3_500_000);
  });

  it('is read by the claims that were set up; an e-mail address only when it was verified', async () => {
    const byMail = verifierWith({ userClaim: 'email', groupsClaim: 'team', prefix: 'sso/' });
    expect(await byMail.verify(await provider.token({ email: 'a@b.c', team: 'ops' }))).toMatchObject({ user: 'sso/a@b.c', groups: ['sso/ops'] });
    expect(await byMail.verify(await provider.token({ email: 'a@b.c', email_verified: false }))).toBe('unknown');
  });

  it('is checked with the key that the issuer uses now; a key that was withdrawn counts no more', async () => {
    const old = await provider.token();
    expect(await verifier.verify(old)).toMatchObject({ user: 'oidc:alice' });
    await provider.useKey('second');
    expect(await verifier.verify(await provider.token())).toMatchObject({ user: 'oidc:alice' });
    expect(await verifier.verify(old)).toBe('unknown');
  });

  it('of another issuer costs nobody a question', async () => {
    await verifier.verify(await provider.token({}, { issuer: 'https://evil.example' }));
    expect(provider.asked).toBe(0);
  });

  it.each(['discovery', 'keys'])('cannot be judged while the %s cannot be read, and can be again afterwards', async (what) => {
    const asking = what === 'keys' ? verifierWith({ jwksUri: `${provider.issuer}/keys` }) : verifier;
    const token = await provider.token();
    provider.isDown = true;
    await expect(asking.verify(token)).rejects.toThrow(ProviderUnavailable);
    provider.isDown = false;
    expect(await asking.verify(token)).toMatchObject({ user: 'oidc:alice' });
  });

  it.each<[string, () => Promise<string> | string]>([
    ['that expired', () => provider.token({}, { expires: '-1m' })],
    ['for another audience', () => provider.token({}, { audience: 'elsewhere' })],
    ['of another issuer', () => provider.token({}, { issuer: 'https://evil.example' })],
    ['without a user', () => provider.token({ sub: '' })],
    ['that says no algorithm', () => new UnsecuredJWT({ sub: 'alice', groups: ['ops'] }).setIssuer(provider.issuer).setAudience('ipledger').setExpirationTime('1h').encode()],
    ['signed with a shared secret', () => new SignJWT({ sub: 'alice', groups: ['ops'] }).setProtectedHeader({ alg: 'HS256', kid: 'first' }).setIssuer(provider.issuer).setAudience('ipledger').setExpirationTime('1h').sign(new Uint8Array(32))],
    ['whose signature was cut off', async () => `${(await provider.token()).split('.').slice(0, 2).join('.')}.AAAA`],
    ['whose content was changed', async () => {
      const [head, , signature] = (await provider.token({ sub: 'bob', groups: [] })).split('.');
      return [head, (await provider.token()).split('.')[1], signature].join('.');
    }],
  ])('that must be refused: %s', async (what, token) => expect(await verifier.verify(await token())).toBe(what === 'that expired' ? 'expired' : 'unknown'));
});
