// @ts-check
/** Who holds an address and who held it; what a Service holds; what is in a namespace. Over all clusters. */
import { clusterPath, find, get, kubernetesPath } from './api.js';
import { formatTime } from './format.js';
import { LoadBalancer } from './lb.js';
import { Empty, hashOf, html, Link, Problem, useLoaded } from './view.js';

/** Clusters that one search asks, and Services that it shows of each. */
const clustersMax = 50;
const servicesMax = 50;

const isAddress = (/** @type {string} */ text) => /^\d{1,3}(\.\d{1,3}){3}$/.test(text) || /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text);

/** @param {{ text: string, clusters: any[], pools: any[] }} props */
export const Search = ({ text, clusters, pools }) => {
  const asked = clusters.slice(0, clustersMax).map(({ name }) => name);
  const shared = [...new Set(pools.filter(({ cluster, lbPool }) => cluster === '' && lbPool !== null).map(({ lbPool }) => lbPool))].slice(0, clustersMax);
  const { data, error } = useLoaded(() => Promise.all([...asked.map((name) => searchIn(name, text)), ...shared.map((name) => searchShared(name, text))]), [text, asked.join(), shared.join()]);
  const found = (data ?? []).filter((one) => one.address !== undefined || one.services.length > 0);
  return html`<h2>${text}</h2><${Problem} error=${error} />
    ${data === undefined && error === undefined && html`<p class="empty">Searching…</p>`}
    ${clusters.length > clustersMax && html`<p class="note">Asked the first ${clustersMax} of ${clusters.length} clusters.</p>`}
    ${data !== undefined && found.length === 0 && html`<${Empty} title="Nothing found">
      <p>Search for an address (<code>10.96.0.1</code>, <code>fd00:10:96::1</code>), a Service (<code>my-service</code> or <code>default/my-service</code>) or a namespace (<code>default</code>).</p><//>`}
    ${found.map((one) => html`<section key=${one.title} aria-label=${`Found in ${one.title}`}>
      <h3><${Link} hash=${one.hash}>${one.title}<//></h3>
      ${one.address !== undefined && html`<${Address} answer=${one.address} />`}
      ${one.services.map((service) => html`<${Service} key=${service.metadata.uid} service=${service} />`)}
      ${one.services.length === servicesMax && html`<p class="note">The first ${servicesMax}; name the Service to see one.</p>`}
    </section>`)}`;
};

const searchIn = async (/** @type {string} */ cluster, /** @type {string} */ text) => {
  const address = isAddress(text) ? await find(`${clusterPath(cluster)}/addresses/${encodeURIComponent(text)}`) : undefined;
  const services = isAddress(text) ? [] : await servicesNamed(cluster, text);
  return { title: cluster, hash: hashOf('clusters', cluster), address, services };
};

/** Who of all clusters has an address of a shared LB pool. @param {string} pool @param {string} text */
const searchShared = async (pool, text) => ({
  title: `Shared pool ${pool}`, hash: '/', address: isAddress(text) ? await find(`v1/lb-pools/${encodeURIComponent(pool)}/addresses/${encodeURIComponent(text)}`) : undefined, services: [],
});

const list = async (/** @type {string} */ path) => (await get(path)).items ?? [];

/** @returns {Promise<any[]>} */
const servicesNamed = async (/** @type {string} */ cluster, /** @type {string} */ text) => {
  const api = kubernetesPath(cluster);
  const [namespace = '', name] = text.split('/');
  if (name !== undefined) {
    const one = await find(`${api}/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(name)}`);
    return one === undefined ? [] : [one];
  }
  if (!/^[a-z0-9.-]+$/.test(text)) return [];
  const [named, inNamespace] = await Promise.all([
    list(`${api}/services?limit=${servicesMax}&fieldSelector=${encodeURIComponent(`metadata.name=${text}`)}`),
    list(`${api}/namespaces/${encodeURIComponent(text)}/services?limit=${servicesMax}`),
  ]);
  const seen = new Set(named.map((/** @type {any} */ { metadata }) => metadata.uid));
  return [...named, ...inNamespace.filter((/** @type {any} */ { metadata }) => !seen.has(metadata.uid))].slice(0, servicesMax);
};

const Address = (/** @type {{ answer: any }} */ { answer }) => {
  const { address, pool, band, lbPool, holder, sharingGroup, members = [], history = [] } = answer;
  const where = pool === null ? (lbPool === null ? 'Outside every pool' : `Shared LB pool ${lbPool}`) : `${lbPool === null ? 'Pool' : `LB pool ${lbPool},`} ${pool}, ${band} band`;
  return html`<article class="found">
    <p><b>${address}</b> ${holder === null ? 'is free' : html`is held by <${Holder} of=${sharingGroup === undefined && members.length === 1 ? members[0] : holder} sharingGroup=${sharingGroup} /> since ${formatTime(holder.since)}`}</p>
    ${(sharingGroup !== undefined || members.length > 1) && html`<p>Services: ${members.map((/** @type {any} */ member) => html`<${Holder} key=${member.uid} of=${member} /> `)}</p>`}
    <p class="note">${where}. As of revision ${answer.asOf.revision}.</p>
    ${history.length > 0 && html`<table><caption>History</caption><thead><tr><th>Service</th><th>from</th><th>to</th><th>why released</th></tr></thead>
      <tbody>${history.map((/** @type {any} */ row) => html`<tr key=${row.from.revision}><td><${Holder} of=${row} sharingGroup=${row.sharingGroup} /></td>
        <td>${formatTime(row.from.time)}</td><td>${formatTime(row.until?.time)}</td><td>${row.until?.reason ?? ''}</td></tr>`)}</tbody></table>`}
  </article>`;
};

/** A Service, or the sharing group that holds for several. @param {{ of: any, sharingGroup?: string }} props */
const Holder = ({ of: { cluster, namespace, name }, sharingGroup }) => {
  const key = `${namespace}/${name}`;
  return html`${sharingGroup === undefined ? html`<${Link} hash=${hashOf('search', key)}>${key}<//>` : `sharing group ${namespace}/${sharingGroup}`}${cluster !== undefined && ` of ${cluster}`}`;
};

const Service = (/** @type {{ service: any }} */ { service }) => {
  const { metadata, spec } = service;
  const key = `${metadata.namespace}/${metadata.name}`;
  const addresses = (spec.clusterIPs ?? []).filter((/** @type {string} */ ip) => ip !== 'None');
  return html`<article class="found">
    <p><b><${Link} hash=${hashOf('search', key)}>${key}<//></b> ${spec.type}${spec.clusterIP === 'None' && ', headless'}, ${spec.ipFamilyPolicy ?? 'no families'} ${(spec.ipFamilies ?? []).join(', ')}</p>
    <p>${addresses.length === 0 ? 'holds no address' : addresses.map((/** @type {string} */ ip) => html`<${Link} key=${ip} hash=${hashOf('search', ip)}>${ip}<//> `)}</p>
    <${LoadBalancer} service=${service} />
    <p class="note">Created ${formatTime(metadata.creationTimestamp)}, revision ${metadata.resourceVersion}.</p>
  </article>`;
};
