import { isContentType, mediaRanges } from './media-type.js';

describe('an Accept header', () => {
  const shown = (accept: string): string[] =>
    mediaRanges(accept).map(({ type, subtype, quality, parameters }) => [`${type}/${subtype}`, quality, ...[...parameters].map((pair) => pair.join('='))].join(' '));

  it.each<[string, string[]]>([
    ['application/json', ['application/json 1']],
    ['application/json;q=0.1, application/yaml;q=0.9', ['application/yaml 0.9', 'application/json 0.1']],
    ['*/*, application/json', ['application/json 1', '*/* 1']],
    ['*/*, application/json;q=0.1', ['application/json 0.1', '*/* 1']], // upstream's order is no order: the last one may go first
    ['application/json;as=Table; v=v1 ;g=meta.k8s.io;q=x', ['application/json 0 as=Table v=v1 g=meta.k8s.io']],
    ['*', ['*/* 1']],
    ['json, a/b/c, , application/', []],
    ['application/json;a;b=c=d;e=f', ['application/json 1 e=f']],
  ])('%s', (accept, ranges) => {
    expect(shown(accept)).toEqual(ranges);
  });

  it('is read up to 32 ranges', () => {
    expect(mediaRanges('a/b,'.repeat(1_000))).toHaveLength(32);
  });
});

describe('a Content-Type', () => {
  it.each(['application/json', ' application/json ; charset=utf-8', 'application/json;', 'a/b; c="d;\\"e"; f=g', 'a/b;c=d ; e = f ; ', 'a/b ;', 'json'])('can be read: %s', (text) => {
    expect(isContentType(text)).toBe(true);
  });
  it.each(['', 'a/b/c', 'application/json;;', 'application/json; a', 'application/json, application/yaml', 'application/json; a=b c', 'a b/c'])('cannot be read: %s', (text) => {
    expect(isContentType(text)).toBe(false);
  });
  it('is read in a moment, whatever it is', () => {
    expect(isContentType(`a/b${'; c="'.repeat(2_999)}`)).toBe(false);
    expect(isContentType(`a/b${';c=d '.repeat(3_000)}!`)).toBe(false);
    for (const before of ['a/b', 'a/b;c=d', 'a/b;c=d;']) expect(isContentType(`${before}${' '.repeat(300_000)}"`)).toBe(false); // minutes, were it read in the square
  });
});
