import { compareAddresses, formatAddress, parseAddress, type Address } from '@ipledger/ip';
import { invalidRequest, problem, ProblemError } from '@ipledger/runtime';
import { formatRange, parseRange, sharedPoolOf, type Pool } from '@ipledger/services';
import { viewsOf, waitAsAsked, type AskedLog, type Sources } from './ask.js';

/** Enough to see the shape of a pool, few enough to draw and to touch with a finger. */
const cellsMax = 256n;

interface HeldRow {
  cell: number;
  allocated: number;
}
interface ReservedRow {
  cell: null;
  first: string;
  last: string;
}
type Range = { first: bigint; last: bigint };

/**
 * How densely each part of a pool is held: the pool, or the range from `from` to `to` in it, in at most 256 cells of equal size,
 * a power of two. Asking for the range of a cell looks into it, until a cell is one address: from a /64 in eight steps.
 */
export const queryPoolMap = async (sources: Sources, log: AskedLog, text: string, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  const pool = askedPool(log, text);
  const { first, last } = askedRange(pool, query);
  await waitAsAsked(views, log, query, undefined);
  const size = cellSize(last - first + 1n);
  const starts = cellStarts(first, last, size).map((value) => format(pool, value));
  const { asOf, rows } = await views.read<HeldRow | ReservedRow>(log.name,
    `SELECT width_bucket(h.address, $2::inet[]) - 1 AS cell, count(*)::float8 AS allocated, NULL AS first, NULL AS last FROM views.address_history h
     WHERE h.cluster = $1 AND h.released_revision IS NULL AND h.address BETWEEN $3::inet AND $4::inet GROUP BY 1
     UNION ALL SELECT NULL, NULL, host(r.first), host(r.last) FROM views.reservations r
     WHERE r.cluster = $1 AND r.first <= $4::inet AND r.last >= $3::inet AND r.family = $5`, [starts, format(pool, first), format(pool, last), pool.family]);
  const held = new Map(rows.flatMap((row) => (row.cell === null ? [] : [[row.cell, row.allocated] as const])));
  const reserved = rows.flatMap((row) => (row.cell === null ? [{ first: parseAddress(row.first)!.value, last: parseAddress(row.last)!.value }] : []));
  return {
    ...(sharedPoolOf(log.name) === undefined && { cluster: log.name }), pool: pool.name, family: pool.family, kind: pool.kind, lbPool: pool.lbPool, from: format(pool, first), to: format(pool, last), cellSize: String(size),
    cells: cellStarts(first, last, size).map((from, index) => cellOf(pool, from, from + size - 1n < last ? from + size - 1n : last, held.get(index) ?? 0, reserved)),
    asOf,
  };
};

const askedPool = ({ name: log, pools }: AskedLog, text: string): Pool => {
  const range = parseRange(text);
  const pool = range && pools.find(({ name }) => name === formatRange(text, range));
  const shared = sharedPoolOf(log);
  const what = shared === undefined ? `cluster ${log} has no CIDR` : `LB pool ${shared} has no range`;
  if (pool === undefined) throw new ProblemError(problem('cidr_not_found', `${what} ${text}; it has ${pools.map(({ name }) => name).join(', ') || 'none'}`));
  return pool;
};

const askedRange = (pool: Pool, query: unknown): { first: bigint; last: bigint } => {
  const from = boundIn(query, 'from', pool) ?? { family: pool.family, value: pool.range.first };
  const to = boundIn(query, 'to', pool) ?? { family: pool.family, value: pool.range.last };
  if (compareAddresses(from, to) > 0) throw invalidRequest('from', formatAddress(from), `lies behind to (${formatAddress(to)})`);
  return { first: from.value, last: to.value };
};

const boundIn = (query: unknown, name: 'from' | 'to', pool: Pool): Address | undefined => {
  const text = (query as Record<string, unknown>)[name];
  if (text === undefined) return undefined;
  const address = typeof text === 'string' ? parseAddress(text) : undefined;
  const isInside = address?.family === pool.family && address.value >= pool.range.first && address.value <= pool.range.last;
  if (address === undefined || !isInside) throw invalidRequest(name, text, `is not an address of ${pool.name}`);
  return address;
};

const cellSize = (count: bigint): bigint => {
  let size = 1n;
  while (size * cellsMax < count) size *= 2n;
  return size;
};

const cellStarts = (first: bigint, last: bigint, size: bigint): bigint[] => {
  const starts: bigint[] = [];
  for (let value = first; value <= last; value += size) starts.push(value);
  return starts;
};

const format = ({ family }: Pool, value: bigint): string => formatAddress({ family, value });

const cellOf = (pool: Pool, from: bigint, to: bigint, allocated: number, reserved: readonly Range[]) => ({
  from: format(pool, from), to: format(pool, to), size: String(to - from + 1n), allocated,
  /** Held or not: what reservations cover. */
  reserved: Number(reserved.reduce((sum, { first, last }) => sum + max(0n, min(to, last) - max(from, first) + 1n), 0n)), band: bandOfCell(pool, from, to),
});

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** `none`: the network and the broadcast address, which nobody can hold. */
const bandOfCell = ({ staticBand, dynamicBand }: Pool, from: bigint, to: bigint): 'static' | 'dynamic' | 'mixed' | 'none' => {
  const meets = (band: Pool['staticBand']): boolean => band.count > 0n && from <= band.last && to >= band.first;
  if (meets(staticBand)) return meets(dynamicBand) ? 'mixed' : 'static';
  return meets(dynamicBand) ? 'dynamic' : 'none';
};
