// @ts-check
/** Numbers, times and forecasts as people read them. */

const plain = new Intl.NumberFormat('en');
const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** A count; from a trillion on as a power of ten, since nobody reads 20 digits. @param {number | string | null | undefined} count */
export const formatCount = (count) => {
  if (count === null || count === undefined) return '–';
  const value = Number(count);
  if (value < 1e12) return plain.format(value);
  const exponent = Math.floor(Math.log10(value));
  return `${(value / 10 ** exponent).toFixed(1)}·10${[...String(exponent)].map((digit) => superscripts[Number(digit)]).join('')}`;
};

/** A share of 1; small ones are not called 0 %, and nearly full is not called full. @param {number} ratio */
export const formatShare = (ratio) => {
  if (ratio <= 0) return '0 %';
  if (ratio < 0.001) return '< 0.1 %';
  if (ratio < 1 && ratio > 0.999) return '> 99.9 %';
  return `${ratio < 0.1 ? (ratio * 100).toFixed(1) : Math.round(ratio * 1000) / 10} %`;
};

/** How bad it is, in one word that is also a class of the style sheet. @param {number} ratio @param {number} available */
export const levelOf = (ratio, available) => {
  if (available <= 0) return 'full';
  if (ratio > 0.95 && available < 1000) return 'critical';
  return ratio > 0.8 && available < 1000 ? 'high' : 'calm';
};

const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const instant = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });

/** @param {string | null | undefined} time RFC 3339 */
export const formatTime = (time) => (time ? `${instant.format(new Date(time))} UTC` : 'now');

/**
 * When a pool will be full, in words.
 * @param {{ exhaustsAtEarliest?: string | null, exhaustsAtLatest?: string | null, trendPerDay?: number | null, available: number }} row
 */
export const formatForecast = ({ exhaustsAtEarliest, exhaustsAtLatest, trendPerDay, available }) => {
  if (available <= 0) return 'full now';
  if (exhaustsAtEarliest) {
    const earliest = day.format(new Date(exhaustsAtEarliest));
    const latest = exhaustsAtLatest ? day.format(new Date(exhaustsAtLatest)) : null;
    return earliest === latest ? `full about ${earliest}` : latest ? `full between ${earliest} and ${latest}` : `full ${earliest} at the earliest`;
  }
  if (trendPerDay === null || trendPerDay === undefined) return 'too little history to say when it will be full';
  return trendPerDay > 0 ? `+${formatCount(Math.round(trendPerDay))} a day, will not fill soon` : 'not growing';
};
