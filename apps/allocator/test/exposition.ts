/** The series of an exposition, by name and sorted labels as text. @throws when one occurs twice: no scraper says so */
export const seriesOf = (exposition: string): Map<string, number> => {
  const series = new Map<string, number>();
  for (const line of exposition.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', labels = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? (\S+)( # .*)?$/.exec(line) ?? [];
    if (name === '') throw new Error(`not a sample: ${line}`);
    const key = keyOf(name, Object.fromEntries([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label!, text!])));
    if (series.has(key)) throw new Error(`twice: ${key}`);
    series.set(key, Number(value.replace('Inf', 'Infinity')));
  }
  return series;
};

export const keyOf = (name: string, labels: Record<string, string> = {}): string =>
  `${name}{${Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, text]) => `${label}="${text}"`).join(',')}}`;

/** The sum of all series of a name that have these labels; NaN when there are none. */
export const sumOf = (series: ReadonlyMap<string, number>, name: string, labels: Record<string, string> = {}): number => {
  const found = [...series].filter(([key]) => key.startsWith(`${name}{`) && Object.entries(labels).every(([label, text]) => key.includes(`${label}="${text}"`)));
  return found.length === 0 ? NaN : found.reduce((sum, [, value]) => sum + value, 0);
};
