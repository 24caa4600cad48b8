import { Patience } from './patience.js';

describe('Patience', () => {
  it('lets everything be tried that has not failed', () => {
    expect(new Patience().isWorthTrying('a', '1', 0)).toBe(true);
  });

  it.each([
    ['without news', 'same', [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]],
    ['after news', 'other', [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]],
  ])('is asked again %s after longer and longer', (_, stamp, expectedMs) => {
    const patience = new Patience();
    for (const waitMs of expectedMs) {
      patience.failed('a', 'same', 0);
      expect([waitMs - 1, waitMs].map((ms) => patience.isWorthTrying('a', stamp, ms))).toEqual([false, true]);
    }
  });

  it('tells when something has waited long enough without news', () => {
    const patience = new Patience();
    expect(patience.isAnyOver(0)).toBe(false);
    patience.failed('a', 's', 0);
    patience.failed('a', 's', 0);
    patience.failed('b', 's', 500);
    expect([1_499, 1_500].map((ms) => patience.isAnyOver(ms))).toEqual([false, true]);
  });

  it('lets one try at a time what has failed', () => {
    const patience = new Patience();
    patience.trying('new', 's', 0);
    expect(patience.isWorthTrying('new', 's', 0)).toBe(true);
    patience.failed('a', 's', 0);
    patience.trying('a', 'other', 5_000);
    expect(patience.isWorthTrying('a', 'other', 5_000)).toBe(false);
  });

  it('begins anew with what was served, and with everything after a release', () => {
    const patience = new Patience();
    for (const wish of ['a', 'b', 'c']) patience.failed(wish, 's', 0);
    patience.served('a');
    expect(['a', 'b'].map((wish) => patience.isWorthTrying(wish, 's', 0))).toEqual([true, false]);
    patience.renew();
    expect(['b', 'c'].map((wish) => patience.isWorthTrying(wish, 's', 0))).toEqual([true, true]);
  });

  it('forgets what was worth another attempt and got none', () => {
    const patience = new Patience();
    for (const wish of ['tried', 'gone']) patience.failed(wish, 's', 0);
    patience.failed('later', 's', 500);
    patience.failed('tried', 's', 1_000);
    patience.forgetUntried(1_000);
    expect(['tried', 'gone', 'later'].map((wish) => patience.isWorthTrying(wish, 's', 1_000))).toEqual([false, true, false]);
    expect([1_499, 1_500].map((ms) => patience.isAnyOver(ms))).toEqual([false, true]);
  });

  it('forgets the oldest past 100,000', () => {
    const patience = new Patience();
    for (let i = 0; i <= 100_000; i++) patience.failed(String(i), 's', 0);
    expect([0, 1, 100_000].map((i) => patience.isWorthTrying(String(i), 's', 0))).toEqual([true, false, false]);
  });
});
