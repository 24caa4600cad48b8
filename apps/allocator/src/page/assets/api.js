// @ts-check
/** The HTTP API, as this page uses it. Every call throws an ApiError that says what a person can do. */

const tokenKey = 'ipledger-token';

/** A bearer token lives as long as the tab: never in localStorage, where it would outlive the person. */
export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? '',
  set: (/** @type {string} */ value) => value === '' ? sessionStorage.removeItem(tokenKey) : sessionStorage.setItem(tokenKey, value),
};

export class ApiError extends Error {
  /** @param {number} status 0 = no answer @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @returns {Record<string, string>} */
const headers = () => (token.get() === '' ? {} : { authorization: `Bearer ${token.get()}` });

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<Response>} */
const request = async (path, signal) => {
  let response;
  try {
    response = await fetch(path, { headers: headers(), cache: 'no-store', ...(signal && { signal }) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'The service does not answer. Is it running?');
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new ApiError(response.status, body.detail ?? body.message ?? `${response.status} ${response.statusText}`);
};

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
export const get = async (path, signal) => (await request(path, signal)).json();

/** The answer, or undefined for a 404. @param {string} path @returns {Promise<any>} */
export const find = (path) => get(path).catch((error) => {
  if (error.status === 404) return undefined;
  throw error;
});

const eventCharsMax = 4_000_000;

/**
 * Follows a stream of server-sent events. fetch, not EventSource, which cannot send a token.
 * @param {string} path @param {(event: any) => void} onEvent @param {AbortSignal} signal ends it
 */
export const follow = async (path, onEvent, signal) => {
  const response = await request(path, signal);
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    if (text.length > eventCharsMax) throw new ApiError(0, 'The stream of events cannot be read.');
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const data = part.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart()).join('\n');
      if (data !== '') onEvent(JSON.parse(data));
    }
  }
};

/** @param {string} cluster */
export const clusterPath = (cluster) => `v1/clusters/${encodeURIComponent(cluster)}`;
/** @param {string} cluster */
export const kubernetesPath = (cluster) => `clusters/${encodeURIComponent(cluster)}/api/v1`;
