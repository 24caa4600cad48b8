// @ts-check
/** LB pools: of a cluster and shared ones, and which Services wait for an address of one. */
import { clusterPath, get } from './api.js';
import { PoolLine } from './bar.js';
import { formatTime } from './format.js';
import { hashOf, html, Link, Problem, useLoaded } from './view.js';

const refreshMs = 10_000;
const shownMax = 100;

/** Ranges of the pools of one cluster, or of the shared ones. @param {{ rows: any[] }} props rows of /v1/stats/pools */
export const LbRanges = ({ rows }) => html`<div class="pools">${rows.map((row) => html`<${PoolLine} key=${`${row.lbPool} ${row.pool}`} row=${row} />`)}</div>`;

/** @param {{ rows: any[] }} props of any kind */
export const SharedPools = ({ rows }) => {
  const names = [...new Set(rows.filter(({ lbPool, cluster }) => lbPool !== null && cluster === '').map(({ lbPool }) => lbPool))];
  return names.length > 0 && html`<h2>Shared load balancer pools</h2>
    <p class="note">Addresses that Services of several clusters get.</p>
    ${names.map((name) => html`<section class="cluster" key=${name} aria-label=${`Shared pool ${name}`}><h2>${name}</h2>
      <${LbRanges} rows=${rows.filter(({ lbPool, cluster }) => lbPool === name && cluster === '')} /></section>`)}`;
};

const reasons = /** @type {Record<string, string>} */ ({
  NoPool: 'no pool serves it', PoolsExhausted: 'the pools that serve it are full', AddressNotAvailable: 'the address it asks for cannot be had', PartlyAssigned: 'one family is missing', RequirementUnmet: 'it requires two families and has one',
  AwaitingSharedPool: 'a shared pool is being asked',
});

/** @param {{ cluster: string }} props */
export const Waiting = ({ cluster }) => {
  const { data, error } = useLoaded((signal) => get(`${clusterPath(cluster)}/lb-waiting?limit=${shownMax}`, signal), [cluster], refreshMs);
  if (data === undefined || data.items.length === 0) return html`<${Problem} error=${error} />`;
  return html`<section class="found" aria-label="Waiting Services">
    <table><caption>Waiting for load balancer addresses</caption><thead><tr><th>Service</th><th>lacks</th><th>why</th><th>since</th></tr></thead>
      <tbody>${data.items.map((/** @type {any} */ row) => html`<tr key=${row.uid}><td><${Link} hash=${hashOf('search', `${row.namespace}/${row.name}`)}>${row.namespace}/${row.name}<//></td>
        <td>${row.families.join(', ')}</td><td>${reasons[row.reason] ?? row.reason}</td><td>${formatTime(row.since)}</td></tr>`)}</tbody></table>
    ${data.continue !== undefined && html`<p class="note">The ${shownMax} that have waited longest.</p>`}
  </section>`;
};

/** What a Service has and lacks of LB pools. @param {{ service: any }} props */
export const LoadBalancer = ({ service: { status } }) => {
  const addresses = (status?.loadBalancer?.ingress ?? []).filter((/** @type {any} */ { ip }) => ip !== undefined);
  const condition = status?.conditions?.find((/** @type {any} */ { type }) => type === 'ipledger.io/LoadBalancerAddresses');
  return html`${addresses.length > 0 && html`<p>Load balancer ${addresses.map((/** @type {any} */ { ip }) => html`<${Link} key=${ip} hash=${hashOf('search', ip)}>${ip}<//> `)}</p>`}
    ${condition !== undefined && condition.reason !== 'Assigned' && html`<p class="waits">Waits for a load balancer address: ${condition.message || (reasons[condition.reason] ?? condition.reason)}</p>`}`;
};
