/** One bar; the whisker goes from the least to the greatest round. */
export interface Bar {
  label: string;
  value: number;
  least: number;
  greatest: number;
}

const width = 720;
const [labelWidth, valueWidth, rowHeight, top] = [250, 150, 26, 44];

/**
 * Horizontal bars as an SVG of its own, without fonts or scripts from elsewhere. Colours follow the reader's light or dark
 * scheme; each bar has its figure beside it, so that nothing depends on colour.
 */
export const barChart = (title: string, unit: string, bars: readonly Bar[]): string => {
  const height = top + bars.length * rowHeight + 12;
  const most = Math.max(...bars.map(({ greatest }) => greatest));
  const room = width - labelWidth - valueWidth;
  const at = (value: number): string => (labelWidth + (value / most) * room).toFixed(1);
  const rows = bars.map(({ label, value, least, greatest }, index) => {
    const y = top + index * rowHeight;
    const middle = y + 9;
    return [
      `<text x="${labelWidth - 8}" y="${y + 13}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="bar" x="${labelWidth}" y="${y}" width="${((value / most) * room).toFixed(1)}" height="18" rx="2"/>`,
      `<path class="spread" d="M${at(least)} ${middle}H${at(greatest)}M${at(least)} ${middle - 4}v8M${at(greatest)} ${middle - 4}v8"/>`,
      `<text x="${Number(at(greatest)) + 8}" y="${y + 13}">${shown(value)}</text>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(`${title}, ${unit}`)}">
<style>text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.bar{fill:#3b76c4}.spread{stroke:#1f2328;fill:none}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#4f8fe0}.spread{stroke:#e6edf3}}</style>
<text class="title" x="0" y="16">${escaped(title)}</text><text x="0" y="33">${escaped(unit)}; the line shows the least and the greatest round</text>
${rows.join('\n')}
</svg>
`;
};

const shown = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : 0 });

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
