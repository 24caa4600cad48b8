// @ts-check
/** All clusters, those nearest to full first. */
import { isDraining, PoolLine } from './bar.js';
import { LbRanges, SharedPools } from './lb.js';
import { Command, Empty, hashOf, html, Link } from './view.js';

const register = () => `curl -s ${location.origin}/v1/clusters -H 'content-type: application/json' \\
  -d '{"name":"prod","serviceCIDRs":["10.0.0.0/16","fd00:1::/108"]}'`;

/** Clusters drawn at once; the search finds the others. */
const shownMax = 100;

const fullest = (/** @type {any[]} */ rows) => Math.max(0, ...rows.filter((row) => !isDraining(row)).map(({ utilization }) => utilization));

/** @param {{ clusters: any[], pools: any[], more: boolean }} props */
export const Overview = ({ clusters, pools, more }) => {
  if (clusters.length === 0 && pools.length === 0) {
    return html`<${Empty} title="No cluster yet"><p>Register one, primary family first, and its pools show here:</p><${Command} text=${register()} /><//>`;
  }
  const byCluster = new Map(clusters.map(({ name }) => [name, /** @type {any[]} */ ([])]));
  for (const row of pools) byCluster.get(row.cluster)?.push(row);
  const sorted = [...clusters].sort((a, b) => fullest(byCluster.get(b.name) ?? []) - fullest(byCluster.get(a.name) ?? []) || (a.name < b.name ? -1 : 1));
  return html`<h2>Clusters</h2>
    <p class="note">${clusters.length}${more ? ' or more' : ''}, the fullest first. <${Legend} /></p>
    ${sorted.slice(0, shownMax).map((cluster) => html`<section class="cluster" key=${cluster.name} aria-label=${`Cluster ${cluster.name}`}>
      <h2><${Link} hash=${hashOf('clusters', cluster.name)}>${cluster.name}<//></h2>
      <${Pools} cluster=${cluster} rows=${byCluster.get(cluster.name) ?? []} />
    </section>`)}
    ${sorted.length > shownMax && html`<p class="note">${sorted.length - shownMax} more are less full; the address bar takes #/clusters/NAME.</p>`}
    <${SharedPools} rows=${pools} />`;
};

/** The pools of a cluster: Service CIDRs, then ranges of its LB pools. @param {{ cluster: any, rows: any[] }} props */
export const Pools = ({ cluster, rows: all }) => {
  const rows = all.filter(({ lbPool }) => lbPool === null);
  const ranges = all.filter(({ lbPool }) => lbPool !== null);
  if (rows.length === 0) return html`<p class="note">Its usage is being counted.</p>`;
  const order = cluster.serviceCIDRs;
  const sorted = [...rows].sort((a, b) => order.indexOf(a.pool) - order.indexOf(b.pool));
  return html`<div class="pools">${sorted.map((row) => html`<${PoolLine} key=${row.pool} row=${row} />`)}</div>
    ${ranges.length > 0 && html`<h3>Load balancer pools</h3><${LbRanges} rows=${ranges} />`}`;
};

export const Legend = () => html`<span class="legend"><i class="static"></i>static band <i class="dynamic"></i>dynamic band <i class="cooling"></i>cooling down <i class="reserved"></i>reserved</span>`;
