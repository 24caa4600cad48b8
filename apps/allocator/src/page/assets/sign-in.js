// @ts-check
/** Signing in: a bearer token that somebody pastes, or OpenID Connect's code flow with PKCE where the service has an issuer. */
import { useState } from 'preact/hooks';
import { ApiError, get, token } from './api.js';
import { html, Problem, useLoaded } from './view.js';

const flowKey = 'ipledger-oidc';

/** @param {Uint8Array} bytes */
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const randomText = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const redirectUri = () => location.origin + location.pathname;

/** @param {string} issuer @returns {Promise<{ authorization_endpoint: string, token_endpoint: string }>} */
const discover = async (issuer) => {
  const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`).catch(() => undefined);
  if (answer?.ok !== true) throw new ApiError(0, `The identity provider ${issuer} does not answer this page. Paste a token instead.`);
  return answer.json();
};

/** Leaves for the identity provider. @param {{ issuer: string, clientId: string }} oidc */
const begin = async ({ issuer, clientId }) => {
  const [state, verifier] = [randomText(), randomText()];
  const { authorization_endpoint: endpoint } = await discover(issuer);
  const challenge = base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
  sessionStorage.setItem(flowKey, JSON.stringify({ state, verifier, issuer, clientId, hash: location.hash }));
  const url = new URL(endpoint);
  const query = { response_type: 'code', client_id: clientId, redirect_uri: redirectUri(), scope: 'openid', state, code_challenge: challenge, code_challenge_method: 'S256' };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  location.assign(url);
};

/** Back from the identity provider: the code becomes a token, and the address bar is as it was. @throws ApiError */
export const finishSignIn = async () => {
  const query = new URLSearchParams(location.search);
  const kept = sessionStorage.getItem(flowKey);
  if (kept === null || !(query.has('code') || query.has('error'))) return;
  sessionStorage.removeItem(flowKey);
  const { state, verifier, issuer, clientId, hash } = JSON.parse(kept);
  history.replaceState(null, '', redirectUri() + hash);
  if (query.get('state') !== state) throw new ApiError(0, 'The identity provider answered another request. Sign in again.');
  if (query.has('error')) throw new ApiError(0, `The identity provider says: ${query.get('error_description') ?? query.get('error')}.`);
  const { token_endpoint: endpoint } = await discover(issuer);
  const body = new URLSearchParams({ grant_type: 'authorization_code', code: query.get('code') ?? '', redirect_uri: redirectUri(), client_id: clientId, code_verifier: verifier });
  const answer = await fetch(endpoint, { method: 'POST', body }).catch(() => undefined);
  const { id_token: idToken } = answer?.ok === true ? await answer.json() : { id_token: undefined };
  if (typeof idToken !== 'string') throw new ApiError(0, 'The identity provider gave no token. Sign in again, or paste one.');
  token.set(idToken);
};

/** @param {{ error: (Error & { status?: number }) | undefined, onSignedIn: () => void }} props */
export const SignIn = ({ error, onSignedIn }) => {
  const [value, setValue] = useState('');
  const [failure, setFailure] = useState(/** @type {Error | undefined} */ (undefined));
  const { data: settings } = useLoaded(() => get('sign-in.json'), []);
  const paste = (/** @type {Event} */ event) => {
    event.preventDefault();
    token.set(value.trim());
    onSignedIn();
  };
  return html`<form class="sign-in" onSubmit=${paste}>
    <h2>Sign in</h2>
    ${settings?.oidc && html`<button type="button" onClick=${() => void begin(settings.oidc).catch(setFailure)}>Sign in with ${new URL(settings.oidc.issuer).host}</button>`}
    <p>${settings?.oidc ? 'Or paste a bearer token.' : 'This service asks who you are. Paste a bearer token.'} A reader can see everything on this page. The token stays in this tab.</p>
    <input type="password" name="token" aria-label="Bearer token" autocomplete="off" required value=${value} onInput=${(/** @type {any} */ event) => setValue(event.target.value)} />
    <button>Sign in</button>
    <${Problem} error=${failure ?? (token.get() === '' && error?.status === 401 ? undefined : error)} />
  </form>`;
};
