// @ts-check
/** One cluster: its pools, and what happens in it now. */
import { useEffect, useState } from 'preact/hooks';
import { clusterPath, follow } from './api.js';
import { formatTime } from './format.js';
import { Waiting } from './lb.js';
import { Legend, Pools } from './overview.js';
import { Command, Empty, hashOf, html, Link, Problem } from './view.js';

const create = (/** @type {string} */ cluster) => `curl -s ${location.origin}/clusters/${cluster}/api/v1/namespaces/default/services \\
  -H 'content-type: application/json' \\
  -d '{"metadata":{"name":"my-service"},"spec":{"ipFamilyPolicy":"PreferDualStack","selector":{"app":"MyApp"},"ports":[{"port":80}]}}'`;

/** @param {{ name: string, clusters: any[], pools: any[] }} props */
export const Cluster = ({ name, clusters, pools }) => {
  const cluster = clusters.find((one) => one.name === name);
  if (cluster === undefined) return html`<${Empty} title=${`No cluster ${name}`}><p><${Link} hash="/">All clusters<//></p><//>`;
  return html`<h2>${name}</h2>
    <p class="note">${cluster.families.length === 2 ? 'Dual-stack' : 'Single-stack'}, ${cluster.primaryFamily} first. Revision ${cluster.revision}. Node ports ${cluster.nodePortRange}. <${Legend} /></p>
    <${Pools} cluster=${cluster} rows=${pools.filter((row) => row.cluster === name)} />
    <${Waiting} cluster=${name} />
    <${Events} cluster=${name} revision=${cluster.revision} />`;
};

const shownMax = 100;
const earlierMax = 20;
const retryMs = 3_000;

/** The last events and every new one. The stream is resumed from the last revision seen, so none is missed or shown twice. */
const Events = (/** @type {{ cluster: string, revision: number }} */ { cluster, revision }) => {
  const [events, setEvents] = useState(/** @type {any[]} */ ([]));
  const [error, setError] = useState(/** @type {Error | undefined} */ (undefined));
  const [paused, setPaused] = useState(false);
  useEffect(() => setEvents([]), [cluster]);
  useEffect(() => {
    if (paused) return;
    const abort = new AbortController();
    let after = events[0]?.revision ?? Math.max(0, revision - earlierMax);
    const add = (/** @type {any} */ event) => {
      after = event.revision;
      setEvents((before) => [event, ...before].slice(0, shownMax));
    };
    const run = async () => {
      while (!abort.signal.aborted) {
        try {
          setError(undefined);
          await follow(`${clusterPath(cluster)}/events?follow=true&after=${after}`, add, abort.signal);
        } catch (problem) {
          if (!abort.signal.aborted) setError(/** @type {Error} */ (problem));
        }
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    };
    void run();
    return () => abort.abort();
  }, [cluster, paused]);
  return html`<section class="events" aria-label="Live events">
    <h2>Live events <button type="button" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? 'Resume' : 'Pause'}</button></h2>
    <${Problem} error=${error} />
    ${events.length === 0 && html`<p class="note">Nothing happened lately. Create a Service and watch it appear:</p><${Command} text=${create(cluster)} />`}
    <ol>${events.map((event) => html`<${EventLine} key=${event.id} event=${event} />`)}</ol>
  </section>`;
};

const verbs = /** @type {Record<string, string>} */ ({
  'ip.allocated': 'allocated', 'ip.released': 'released', 'port.allocated': 'port allocated', 'port.released': 'port released',
  'service.created': 'created', 'service.updated': 'updated', 'service.deleted': 'deleted',
  'lb-member.joined': 'has', 'lb-member.left': 'has no longer', 'lb-address.attached': 'attached', 'lb-address.detached': 'detached',
});

const EventLine = (/** @type {{ event: any }} */ { event: { revision, type, time, data, command } }) => {
  const service = data.service && `${data.service.namespace}/${data.service.name}`;
  const what = data.address ?? data.port ?? data.cidr ?? (data.serviceCIDRs ?? []).join(', ');
  return html`<li class=${type.replace('.', '-')}>
    <span class="revision">${revision}</span>
    <time datetime=${time}>${formatTime(time)}</time>
    <b>${verbs[type] ?? type}</b>
    <span>${data.address === undefined ? what : html`<${Link} hash=${hashOf('search', data.address)}>${what}<//>`}
      ${data.reason !== undefined && ` (${data.reason})`} ${service && html`<${Link} hash=${hashOf('search', service)}>${service}<//>`}</span>
    <small>${command.actor ?? command.userAgent ?? ''}</small>
  </li>`;
};
