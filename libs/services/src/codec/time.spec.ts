import fc from 'fast-check';
import { parseTime } from './time.js';

describe('parseTime', () => {
  it.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', ''],
    ['2026-01-02T03:04:05.000Z', '2026-01-02T03:04:05Z', 'client-node sends milliseconds'],
    ['2026-01-02T03:04:05.999999999Z', '2026-01-02T03:04:05Z', 'cut off, not rounded'],
    ['2026-01-02T03:04:05,5Z', '2026-01-02T03:04:05Z', 'Go takes a comma'],
    ['2026-01-02T3:04:05Z', '2026-01-02T03:04:05Z', 'and an hour of one digit'],
    ['2026-01-02T01:30:00+02:00', '2026-01-01T23:30:00Z', ''],
    ['2025-12-31T23:30:00-01:15', '2026-01-01T00:45:00Z', ''],
    ['0050-01-01T00:00:00Z', '0050-01-01T00:00:00Z', 'not 1950'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z', 'leap year'],
  ])('%s is %s (%s)', (text, time) => {
    expect(parseTime(text)).toBe(time);
  });

  it.each([
    '', '2026', '2026-01-02', '2026-01-02 03:04:05Z', '2026-01-02t03:04:05z', '2026-01-02T03:04:05', '2026-01-02T03:04Z', '2026-13-01T00:00:00Z',
    '2026-02-29T00:00:00Z', '2026-00-10T00:00:00Z', '2026-01-00T00:00:00Z', '2026-01-01T24:00:00Z', '2026-01-01T00:60:00Z', '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00+25:00', '2026-01-01T00:00:00+0100', ' 2026-01-02T03:04:05Z', '9999-12-31T23:59:59-01:00',
  ])('%j is no time', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });

  it('agrees with Date on every instant, in every zone', () => {
    const instants = fc.date({ min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(instants, fc.integer({ min: -1439, max: 1439 }), (instant, zoneMinutes) => {
        const local = new Date(instant.getTime() + zoneMinutes * 60_000).toISOString().slice(0, 19);
        const size = Math.abs(zoneMinutes);
        const zone = `${zoneMinutes < 0 ? '-' : '+'}${String(Math.trunc(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`;
        expect(parseTime(local + zone)).toBe(`${instant.toISOString().slice(0, 19)}Z`);
      }),
      { numRuns: 2_000 },
    );
  });
});
