/** One part of an `Accept` header. Names of parameters are as sent; `q` is not among them. */
export interface MediaRange {
  type: string;
  subtype: string;
  quality: number;
  parameters: ReadonlyMap<string, string>;
}

/** No client has as many; the ones after are not looked at. */
const rangesMax = 32;

/**
 * The ranges of an `Accept` header, most wanted first: by quality, then what is no `*` first. What is no range is left out, as
 * are parameters that are no pair; a quality that is no number is 0.
 * @see github.com/munnerz/goautoneg
 */
export const mediaRanges = (accept: string): MediaRange[] => {
  const sorted: MediaRange[] = [];
  // By insertion, as upstream sorts so few: a range of lower quality and one of `*` each go before the other.
  for (const range of accept.split(',', rangesMax).flatMap(mediaRange)) {
    let at = sorted.length;
    while (at > 0 && goesBefore(range, sorted[at - 1] as MediaRange)) at--;
    sorted.splice(at, 0, range);
  }
  return sorted;
};

const mediaRange = (text: string): MediaRange[] => {
  const [range = '', ...rest] = text.split(';');
  const [type = '', subtype = type.trim() === '*' ? '*' : '', ...more] = range.split('/').map((part) => part.trim());
  if (subtype === '' || more.length > 0) return [];
  const pairs = rest.map((parameter) => parameter.split('=').map((part) => part.trim())).filter(({ length }) => length === 2) as [string, string][];
  const quality = pairs.findLast(([name]) => name === 'q')?.[1];
  return [{ type, subtype, quality: quality === undefined ? 1 : Number(quality) || 0, parameters: new Map(pairs.filter(([name]) => name !== 'q')) }];
};

const goesBefore = (a: MediaRange, b: MediaRange): boolean =>
  a.quality > b.quality || (a.type !== '*' && b.type === '*') || (a.subtype !== '*' && b.subtype === '*');

const token = "[\\w!#$%&'*+.^`|~-]+";
/** No two runs of white space meet in it: who sends thousands of them would else be read for long. */
const wellFormed = new RegExp(`^\\s*${token}(/${token})?(\\s*;\\s*${token}\\s*=\\s*(${token}|"(\\\\.|[^"\\\\])*"))*\\s*(;\\s*)?$`);

/** Whether a `Content-Type` can be read at all; the last `;` may stand alone. @see Go's mime.ParseMediaType */
export const isContentType = (text: string): boolean => wellFormed.test(text);
