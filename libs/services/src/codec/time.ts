const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,]\d+)?(?:Z|([+-])(\d\d):(\d\d))$/;
const canonical = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * An RFC 3339 time in whole seconds and UTC, as `metav1.Time` keeps it; fractions are cut off.
 * As lenient as Go: a comma before the fraction and an hour of one digit pass; a leap second does not.
 * @returns undefined when it is no such time, or lies outside the years 0 to 9999
 */
export const parseTime = (text: string): string | undefined => {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const offsetHours = Number(match[8] ?? 0);
  const offsetMinutes = Number(match[9] ?? 0);
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 || offsetHours > 24 || offsetMinutes > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  if (date.getUTCDate() !== day) return undefined;
  if (match[7] === undefined && canonical.test(text)) return text;
  const offset = (offsetHours * 60 + offsetMinutes) * (match[7] === '-' ? -1 : 1);
  date.setUTCHours(hour, minute - offset, second);
  const iso = date.toISOString();
  return iso.length === 24 ? `${iso.slice(0, 19)}Z` : undefined;
};
