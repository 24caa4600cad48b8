// @ts-check
/** The frame: header with search and sign-in, and the part of the page that the hash names. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, get, token } from './api.js';
import { Cluster } from './cluster.js';
import { Overview } from './overview.js';
import { Pool, SharedRange } from './pool.js';
import { Search } from './search.js';
import { finishSignIn, SignIn } from './sign-in.js';
import { html, Link, Problem, useLoaded } from './view.js';

const refreshMs = 5_000;

/** `#/clusters/prod/pools/10.0.0.0%2F16` as ['clusters', 'prod', 'pools', '10.0.0.0/16']. */
const readHash = () => location.hash.replace(/^#\/?/, '').split('/').filter((part) => part !== '').map((part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
});

const useHash = () => {
  const [parts, setParts] = useState(readHash);
  useEffect(() => {
    const changed = () => {
      setParts(readHash());
      document.querySelector('main')?.focus({ preventScroll: true });
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return parts;
};

/** Clusters as registered and the use of all pools; both fit one page of the API for what one person looks at. */
const loadAll = async (/** @type {AbortSignal} */ signal) => {
  const [clusters, pools] = await Promise.all([get('v1/clusters?limit=1000', signal), get('v1/stats/pools', signal)]);
  return { clusters: clusters.items, more: clusters.continue !== undefined, pools: pools.items };
};

const SearchBox = (/** @type {{ text: string }} */ { text }) => {
  // What is typed counts for the search it was typed over: an effect that copied `text` would, run late, wipe out what was typed since.
  const [typed, setTyped] = useState({ over: text, value: text });
  const value = typed.over === text ? typed.value : text;
  const search = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (value.trim() !== '') location.hash = `/search/${encodeURIComponent(value.trim())}`;
  };
  return html`<form role="search" onSubmit=${search}>
    <input type="search" aria-label="Search for an address, a Service or a namespace" placeholder="Address, Service or namespace" maxlength="320"
      value=${value} onInput=${(/** @type {any} */ event) => setTyped({ over: text, value: event.target.value })} />
    <button>Search</button>
  </form>`;
};

const Part = (/** @type {{ path: string[], data: any }} */ { path, data }) => {
  const [first, name, , cidr, from, to] = path;
  if (first === 'search') return html`<${Search} text=${name ?? ''} ...${data} />`;
  if (first === 'lb-pools' && name !== undefined && path[2] !== undefined) return html`<${SharedRange} lbPool=${name} range=${path[2]} from=${path[3]} to=${path[4]} ...${data} />`;
  if (first === 'clusters' && path[2] === 'pools' && cidr !== undefined) return html`<${Pool} cluster=${name} cidr=${cidr} from=${from} to=${to} ...${data} />`;
  if (first === 'clusters' && name !== undefined) return html`<${Cluster} name=${name} ...${data} />`;
  return html`<${Overview} ...${data} />`;
};

const App = (/** @type {{ failure: Error | undefined }} */ { failure }) => {
  const path = useHash();
  const { data, error, reload } = useLoaded(loadAll, [], refreshMs);
  const signedOut = error instanceof ApiError && (error.status === 401 || error.status === 403);
  const signOut = () => {
    token.set('');
    location.reload();
  };
  return html`
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => { event.preventDefault(); document.querySelector('main')?.focus(); }}>To the content</a>
    <header>
      <h1><${Link} hash="/">ipledger<//></h1>
      <${SearchBox} text=${path[0] === 'search' ? (path[1] ?? '') : ''} />
      <nav aria-label="More"><a href="docs">API</a><a href="metrics">Metrics</a>${token.get() !== '' && html`<button type="button" onClick=${signOut}>Sign out</button>`}</nav>
    </header>
    <main id="main" tabindex="-1">
      ${signedOut ? html`<${SignIn} error=${failure ?? error} onSignedIn=${reload} />` : html`
        <${Problem} error=${error} />
        ${data !== undefined ? html`<${Part} path=${path} data=${data} />` : error === undefined && html`<p class="empty">Loading…</p>`}`}
    </main>`;
};

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
const failure = await finishSignIn().then(() => undefined, (error) => error);
root.replaceChildren();
render(html`<${App} failure=${failure} />`, root);
