// @ts-check
/** One pool: its use, and a map of which of its ranges are used. A cell is a range; choosing one looks into it. */
import { clusterPath, get } from './api.js';
import { PoolLine } from './bar.js';
import { formatCount } from './format.js';
import { Empty, hashOf, html, Link, Problem, useLoaded } from './view.js';

const refreshMs = 10_000;

/** @param {{ cluster: string, cidr: string, from?: string, to?: string, clusters: any[], pools: any[] }} props */
export const Pool = ({ cluster, cidr, from, to, clusters, pools }) => {
  const row = pools.find((one) => one.cluster === cluster && one.pool === cidr);
  const definition = clusters.find(({ name }) => name === cluster)?.pools.find((/** @type {any} */ one) => one.cidr === cidr);
  if (row === undefined || definition === undefined) {
    return html`<${Empty} title=${`No pool ${cidr} in ${cluster}`}><p><${Link} hash=${hashOf('clusters', cluster)}>The pools of ${cluster}<//></p><//>`;
  }
  return html`<h2><${Link} hash=${hashOf('clusters', cluster)}>${cluster}<//> / ${cidr}</h2>
    <${PoolLine} row=${row} state=${definition.state} />
    <p class="note">${definition.staticBand === null ? 'No static band: the whole pool is handed out.' : `Static band ${definition.staticBand.from} to ${definition.staticBand.to}: handed out on request, and last.`}</p>
    <${PoolMap} cluster=${cluster} cidr=${cidr} from=${from} to=${to} />`;
};

const PoolMap = (/** @type {{ cluster: string, cidr: string, from?: string, to?: string }} */ { cluster, cidr, from, to }) => {
  const range = from === undefined || to === undefined ? '' : `?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;
  const { data, error } = useLoaded((signal) => get(`${clusterPath(cluster)}/pools/${encodeURIComponent(cidr)}/map${range}`, signal), [cluster, cidr, range], refreshMs);
  if (data === undefined) return html`<${Problem} error=${error} />`;
  const size = BigInt(data.cellSize);
  return html`<section aria-label="Map of the pool">
    <h3>Map ${from !== undefined && html`<small>${data.from} to ${data.to}, <${Link} hash=${hashOf('clusters', cluster, 'pools', cidr)}>the whole pool<//></small>`}</h3>
    <p class="note">Each cell is ${size === 1n ? 'one address' : `${formatCount(data.cellSize)} addresses; choose one to look into it`}. Striped cells lie in the static band.</p>
    <${Problem} error=${error} />
    <div class="map">${data.cells.map((/** @type {any} */ cell) => html`<${Cell} key=${cell.from} cell=${cell} size=${size} cluster=${cluster} cidr=${cidr} />`)}</div>
  </section>`;
};

const levels = [0, 0.001, 0.25, 0.5, 0.75, 0.999];

/** 0 = nothing, 6 = every address; one address of very many is already 1. */
const levelOf = (/** @type {number} */ share) => levels.filter((bound) => share > bound).length;

const Cell = (/** @type {{ cell: any, size: bigint, cluster: string, cidr: string }} */ { cell, size, cluster, cidr }) => {
  const used = `${formatCount(cell.allocated)} held${cell.reserved > 0 ? `, ${formatCount(cell.reserved)} reserved` : ''}`;
  const label = size === 1n ? `${cell.from}: ${cell.allocated > 0 ? 'held' : cell.reserved > 0 ? 'reserved' : 'free'}` : `${cell.from} to ${cell.to}: ${used}`;
  const target = size === 1n ? hashOf('search', cell.from) : hashOf('clusters', cluster, 'pools', cidr, cell.from, cell.to);
  const share = Number(cell.allocated) / Number(cell.size);
  return html`<a href=${`#${target}`} class=${`cell l${levelOf(share)} ${cell.band}${cell.reserved > 0 ? ' reserved' : ''}`} title=${label} aria-label=${label}></a>`;
};
