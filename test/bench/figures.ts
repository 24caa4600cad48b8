/** The middle one; of an even number the mean of the two in the middle. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] ?? NaN : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
};

/** `1,234 (1,100-1,300)`: the median, and the least and greatest of the rounds. */
export const spread = (values: readonly number[], digits = 0): string =>
  values.length === 0 ? '-' : `${figure(median(values), digits)} (${figure(Math.min(...values), digits)}-${figure(Math.max(...values), digits)})`;

export const figure = (value: number, digits = 0): string =>
  Number.isNaN(value) ? 'n/a' : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const mebibytes = (bytes: number): string => (Number.isNaN(bytes) ? 'n/a' : `${figure(bytes / 2 ** 20)} MB`);

/** A Markdown table whose columns line up in a terminal as well. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join('\n');
};
