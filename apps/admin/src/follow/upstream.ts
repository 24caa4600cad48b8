import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { createInterface } from 'node:readline';
import type { KubeConfig } from '@kubernetes/client-node';

/** A Service as the API server sent it: nothing of it is lost on the way through types. */
export interface RawService {
  metadata: { namespace: string; name: string; uid: string; resourceVersion: string };
}
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: RawService;
}

const path = '/api/v1/services';
/** Well above the time of a bookmark: a watch on which nothing comes for so long is dead. */
const silentMsMax = 150_000;
const watchSeconds = 600;

export const listUpstream = async (config: KubeConfig, signal: AbortSignal): Promise<{ items: RawService[]; resourceVersion: string }> => {
  const answer = await send(config, path, signal);
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  if (answer.statusCode !== 200) throw new Error(`the API server answered ${answer.statusCode} to a list: ${text.slice(0, 500)}`);
  const list = JSON.parse(text) as { items: RawService[]; metadata: { resourceVersion: string } };
  return { items: list.items, resourceVersion: list.metadata.resourceVersion };
};

/** What changes after a revision, until the server ends the watch. @throws when it breaks, or the revision is too old */
export async function* watchUpstream(config: KubeConfig, resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
  const query = new URLSearchParams({ watch: 'true', resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: String(watchSeconds) });
  const answer = await send(config, `${path}?${query.toString()}`, signal);
  if (answer.statusCode !== 200) throw new Error(`the API server answered ${answer.statusCode} to a watch`);
  answer.setTimeout(silentMsMax, () => answer.destroy(new Error('nothing came on the watch for too long')));
  for await (const line of createInterface({ input: answer, crlfDelay: Infinity })) {
    const event = JSON.parse(line) as WatchEvent;
    if (event.type === 'ERROR') throw new Error(`the watch ended: ${JSON.stringify(event.object).slice(0, 300)}`);
    yield event;
  }
}

/** With the address, certificates and credentials of the kubeconfig. */
const send = async (config: KubeConfig, pathAndQuery: string, signal: AbortSignal): Promise<IncomingMessage> => {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no current cluster');
  const url = new URL(cluster.server.replace(/\/$/, '') + pathAndQuery);
  const options: RequestOptions = { method: 'GET', headers: { accept: 'application/json' }, signal };
  const isSecure = url.protocol === 'https:';
  // A plain server is a proxy beside us (kubectl proxy): credentials do not go over an open line.
  if (isSecure) await config.applyToHTTPSOptions(options);
  const make = isSecure ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = make(url, options, resolve);
    sent.on('error', reject).end();
  });
};
