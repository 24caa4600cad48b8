import type { StatsRow } from './views-database.js';

/**
 * RFC 4180, with a header; null is an empty field. A text that a spreadsheet would run as a formula gets a quote in front.
 * @param columns what the header says when there are no rows
 */
export const toCsv = (rows: readonly StatsRow[], columns: readonly string[]): string => {
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? null))];
  return lines.map((fields) => `${fields.map(field).join(',')}\r\n`).join('');
};

const field = (value: string | number | boolean | null): string => {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
