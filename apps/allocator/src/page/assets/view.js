// @ts-check
/** What every part of the page is made with. */
import { h } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import htm from 'htm';

export const html = htm.bind(h);

/**
 * Loads something now and every `everyMs` while the page is visible. Keeps the last good answer while a later one fails.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load @param {unknown[]} inputs load anew when one changes @param {number} [everyMs]
 * @returns {{ data: T | undefined, error: (Error & { status?: number }) | undefined, reload: () => void }}
 */
export const useLoaded = (load, inputs, everyMs) => {
  const key = JSON.stringify(inputs);
  const nothing = { key, data: /** @type {T | undefined} */ (undefined), error: /** @type {Error | undefined} */ (undefined) };
  const [state, setState] = useState(nothing);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const step = async () => {
      if (!document.hidden) {
        await load(abort.signal).then(
          (data) => abort.signal.aborted || setState({ key, data, error: undefined }),
          (error) => abort.signal.aborted || setState((before) => ({ key, data: before.key === key ? before.data : undefined, error })),
        );
      }
      if (everyMs !== undefined && !abort.signal.aborted) timer = setTimeout(() => void step(), everyMs);
    };
    void step();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [...inputs, round]);
  // What was loaded for other inputs is not shown under these, not even for the frame until the effect runs.
  const { data, error } = state.key === key ? state : nothing;
  return { data, error, reload: () => setRound((before) => before + 1) };
};

/** @param {{ error: (Error & { status?: number }) | undefined }} props */
export const Problem = ({ error }) => (error === undefined ? null : html`<p class="problem" role="alert">${error.message}</p>`);

/** @param {{ title: string, children: unknown }} props */
export const Empty = ({ title, children }) => html`<section class="empty"><h2>${title}</h2>${children}</section>`;

/** A command to copy. @param {{ text: string }} props */
export const Command = ({ text }) => {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => {});
  return html`<div class="command"><pre tabindex="0">${text}</pre><button type="button" onClick=${copy}>${copied ? 'Copied' : 'Copy'}</button></div>`;
};

/** @param {{ hash: string, children: unknown }} props */
export const Link = ({ hash, children }) => html`<a href=${`#${hash}`}>${children}</a>`;

/** @param {...string} parts of a hash path */
export const hashOf = (...parts) => `/${parts.map(encodeURIComponent).join('/')}`;
