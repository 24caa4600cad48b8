// @ts-check
/** The use of one pool as a bar: static band, dynamic band, reserved, free. */
import { formatCount, formatForecast, formatShare, levelOf } from './format.js';
import { hashOf, html, Link } from './view.js';

const partOf = (/** @type {number} */ count, /** @type {number} */ capacity) => (capacity === 0 ? 0 : (count / capacity) * 100);

/** Anything that is used must be seen, also one address of 2^64. */
const widthMinPercent = 0.6;
const widthOf = (/** @type {number} */ count, /** @type {number} */ capacity) => (count === 0 ? 0 : Math.max(widthMinPercent, partOf(count, capacity)));

/** Nothing is wrong with a pool that drains: it is to become empty, however little it hands out meanwhile. */
export const isDraining = (/** @type {{ state: string }} */ { state }) => state === 'draining';
const levelOfRow = (/** @type {any} */ row) => (isDraining(row) ? 'calm' : levelOf(row.utilization, row.available));

/** @param {{ row: any }} props a row of /v1/stats/pools */
export const UsageBar = ({ row }) => {
  const parts = [
    ['static', row.staticAllocated, 'held in the static band'],
    ['dynamic', row.dynamicAllocated, 'held in the dynamic band'],
    ['cooling', row.coolingDown ?? 0, 'cooling down'],
    ['reserved', row.reserved ?? 0, isDraining(row) ? 'handed out no more' : 'reserved'],
  ];
  const label = parts.filter(([, count]) => count > 0).map(([, count, what]) => `${formatCount(count)} ${what}`).join(', ') || 'nothing held';
  return html`<div class=${`bar ${levelOfRow(row)}`} role="img" aria-label=${`${label}; ${formatCount(row.available)} free`}>
    ${parts.map(([kind, count, what]) => html`<span key=${kind} class=${kind} style=${{ width: `${widthOf(count, row.capacity)}%` }} title=${`${formatCount(count)} ${what}`}></span>`)}
  </div>`;
};

/** Where the pool of a row is shown; a shared LB pool belongs to no cluster. @param {{ cluster: string, lbPool?: string | null, pool: string }} row @param {...string} range */
export const poolHash = ({ cluster, lbPool, pool }, ...range) => (cluster === '' ? hashOf('lb-pools', lbPool ?? '', pool, ...range) : hashOf('clusters', cluster, 'pools', pool, ...range));

/** @param {{ row: any }} props */
export const PoolLine = ({ row }) => html`<article class="pool">
  <h3><${Link} hash=${poolHash(row)}>${row.pool}<//> <small>${row.lbPool && `${row.lbPool}, `}${row.family}${isDraining(row) && ', draining'}</small></h3>
  <p class=${`share ${levelOfRow(row)}`}>${formatShare(isDraining(row) ? row.allocated / row.capacity : row.utilization)}</p>
  <${UsageBar} row=${row} />
  ${isDraining(row)
    ? html`<p class="note">${row.allocated === 0 ? 'nothing is held, it can be removed' : `${formatCount(row.allocated)} of ${formatCount(row.capacity)} held, nothing more is handed out`}</p>`
    : html`<p class="note">${formatCount(row.allocated)} held, ${formatCount(row.available)} of ${formatCount(row.capacity)} free</p>
  <p class="note">${formatForecast(row)}</p>`}
</article>`;
