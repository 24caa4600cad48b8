import fc from 'fast-check';
import { RateLimit, senderOf } from './rate-limit.js';

it('never grants more than the burst and what has flowed in since, and always that much to who waits as told', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), steps, (perSecond, burst, waitsMs) => {
    let nowMs = 0;
    const limit = new RateLimit(perSecond, burst, () => nowMs);
    let granted = 0;
    for (const waitMs of waitsMs) {
      nowMs += waitMs;
      const waitSeconds = limit.take('a');
      if (waitSeconds === 0) granted++;
      expect(granted).toBeLessThanOrEqual(burst + (nowMs / 1000) * perSecond + 1e-6);
      if (waitSeconds > 0) {
        nowMs += waitSeconds * 1000;
        expect(limit.take('a')).toBe(0);
        granted++;
      }
    }
  }), { numRuns: 1_000 });
});

it('counts each identity by itself', () => {
  const limit = new RateLimit(1, 1, () => 0);
  expect([limit.take('a'), limit.take('a'), limit.take('b')]).toEqual([0, 1, 0]);
});

it('remembers a bounded number of identities: the one that was longest silent is forgotten', () => {
  const limit = new RateLimit(1, 1, () => 0);
  limit.take('first');
  for (let i = 0; i < 9_999; i++) limit.take(`n${i}`);
  expect(limit.take('first')).toBe(1);
  for (let i = 0; i < 10_000; i++) limit.take(`m${i}`);
  expect(limit.take('first')).toBe(0);
});

it.each([
  ['192.0.2.7', '192.0.2.7'], ['::ffff:192.0.2.7', '::ffff:192.0.2.7'], ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'], ['2001:db8:1:2::9', '2001:db8:1:2'],
  ['2001:db8::9', '2001:db8:0:0'], ['::1', '0:0:0:0'], ['fe80::1:2:3:4', 'fe80:0:0:0'], ['2001:db8:1::', '2001:db8:1:0'],
])('takes the senders of an IPv6 /64 for one: %s', (ip, sender) => expect(senderOf(ip)).toBe(sender));
