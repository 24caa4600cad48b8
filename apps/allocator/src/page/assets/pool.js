// @ts-check
/** One pool: its use, and a map of which of its ranges are used. A cell is a range; choosing one looks into it. */
import { clusterPath, get } from './api.js';
import { poolHash, PoolLine } from './bar.js';
import { formatCount } from './format.js';
import { Empty, hashOf, html, Link, Problem, useLoaded } from './view.js';

const refreshMs = 10_000;

/** @param {{ cluster: string, cidr: string, from?: string, to?: string, clusters: any[], pools: any[] }} props */
export const Pool = ({ cluster, cidr, from, to, clusters, pools }) => {
  const row = pools.find((one) => one.cluster === cluster && one.pool === cidr);
  const definition = clusters.find(({ name }) => name === cluster)?.pools.find((/** @type {any} */ one) => one.cidr === cidr);
  if (row === undefined || (definition === undefined && row.lbPool === null)) {
    return html`<${Empty} title=${`No pool ${cidr} in ${cluster}`}><p><${Link} hash=${hashOf('clusters', cluster)}>The pools of ${cluster}<//></p><//>`;
  }
  return html`<h2><${Link} hash=${hashOf('clusters', cluster)}>${cluster}<//> / ${row.lbPool && `${row.lbPool} / `}${cidr}</h2>
    <${PoolLine} row=${row} />
    ${row.lbPool === null && html`<p class="note">${definition.staticBand === null ? 'No static band: the whole pool is handed out.' : `Static band ${definition.staticBand.from} to ${definition.staticBand.to}: handed out on request, and last.`}</p>`}
    <${PoolMap} row=${row} from=${from} to=${to} />`;
};

/** A range of an LB pool that several clusters share. @param {{ lbPool: string, range: string, from?: string, to?: string, pools: any[] }} props */
export const SharedRange = ({ lbPool, range, from, to, pools }) => {
  const row = pools.find((one) => one.cluster === '' && one.lbPool === lbPool && one.pool === range);
  if (row === undefined) return html`<${Empty} title=${`No range ${range} in a shared pool ${lbPool}`}><p><${Link} hash="/">All pools<//></p><//>`;
  return html`<h2><${Link} hash="/">Shared load balancer pools<//> / ${lbPool} / ${range}</h2>
    <${PoolLine} row=${row} />
    <${PoolMap} row=${row} from=${from} to=${to} />`;
};

const mapPath = (/** @type {any} */ { cluster, lbPool, pool }) =>
  (cluster === '' ? `v1/lb-pools/${encodeURIComponent(lbPool)}/ranges` : `${clusterPath(cluster)}/pools`) + `/${encodeURIComponent(pool)}/map`;

const PoolMap = (/** @type {{ row: any, from?: string, to?: string }} */ { row, from, to }) => {
  const range = from === undefined || to === undefined ? '' : `?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;
  const path = `${mapPath(row)}${range}`;
  const { data, error } = useLoaded((signal) => get(path, signal), [path], refreshMs);
  if (data === undefined) return html`<${Problem} error=${error} />`;
  const size = BigInt(data.cellSize);
  return html`<section aria-label="Map of the pool">
    <h3>Map ${from !== undefined && html`<small>${data.from} to ${data.to}, <${Link} hash=${poolHash(row)}>the whole pool<//></small>`}</h3>
    <p class="note">Each cell is ${size === 1n ? 'one address' : `${formatCount(data.cellSize)} addresses; choose one to look into it`}. Striped cells lie in the static band.</p>
    <${Problem} error=${error} />
    <div class="map">${data.cells.map((/** @type {any} */ cell) => html`<${Cell} key=${cell.from} cell=${cell} size=${size} row=${row} />`)}</div>
  </section>`;
};

const levels = [0, 0.001, 0.25, 0.5, 0.75, 0.999];

/** 0 = nothing, 6 = every address; one address of very many is already 1. */
const levelOf = (/** @type {number} */ share) => levels.filter((bound) => share > bound).length;

const Cell = (/** @type {{ cell: any, size: bigint, row: any }} */ { cell, size, row }) => {
  const used = `${formatCount(cell.allocated)} held${cell.reserved > 0 ? `, ${formatCount(cell.reserved)} reserved` : ''}`;
  const label = size === 1n ? `${cell.from}: ${cell.allocated > 0 ? 'held' : cell.reserved > 0 ? 'reserved' : 'free'}` : `${cell.from} to ${cell.to}: ${used}`;
  const target = size === 1n ? hashOf('search', cell.from) : poolHash(row, cell.from, cell.to);
  const share = Number(cell.allocated) / Number(cell.size);
  return html`<a href=${`#${target}`} class=${`cell l${levelOf(share)} ${cell.band}${cell.reserved > 0 ? ' reserved' : ''}`} title=${label} aria-label=${label}></a>`;
};
