import { AddressSet, type Address } from '@ipledger/ip';
import fc from 'fast-check';
import { Expiries } from './expiries.js';
import { HeldBack, reservedRange } from './held-back.js';

/** IPv4 addresses 1 to 40 stand for a pool; 0 and 41 lie around it. */
const size = 40n;
const at = (value: bigint): Address => ({ family: 'IPv4', value });
const text = (value: bigint): string => `0.0.0.${value}`;
const reservation = (name: string, first: bigint, last: bigint, untilMs = Infinity) =>
  reservedRange({ name, family: 'IPv4', cidr: '0.0.0.0/26', first: text(first), last: text(last), reason: 'later', owner: 'ann', until: untilMs === Infinity ? null : new Date(untilMs).toISOString() });

type Step =
  | { do: 'take' | 'free'; value: bigint } | { do: 'cool'; value: bigint; untilMs: number }
  | { do: 'reserve'; name: string; first: bigint; length: bigint; untilMs: number } | { do: 'unreserve'; name: string }
  | { do: 'advance'; nowMs: number } | { do: 'coolDown'; on: boolean } | { do: 'endCooling' };

const value = fc.bigInt(1n, size);
const untilMs = fc.integer({ min: 1, max: 20 });
const name = fc.constantFrom('r', 's', 't', 'u');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: value.map((v): Step => ({ do: 'take', value: v })) }, { weight: 3, arbitrary: value.map((v): Step => ({ do: 'free', value: v })) },
  { weight: 5, arbitrary: fc.tuple(value, untilMs).map(([v, until]): Step => ({ do: 'cool', value: v, untilMs: until })) },
  { weight: 4, arbitrary: fc.tuple(name, value, fc.constantFrom(1n, 1n, 3n, 9n), fc.oneof(untilMs, fc.constant(Infinity))).map(([n, first, length, until]): Step => ({ do: 'reserve', name: n, first, length, untilMs: until })) },
  name.map((n): Step => ({ do: 'unreserve', name: n })), untilMs.map((nowMs): Step => ({ do: 'advance', nowMs })),
  fc.boolean().map((on): Step => ({ do: 'coolDown', on })), fc.constant<Step>({ do: 'endCooling' }),
);

/** The same in the plainest way: lists that are scanned. */
class Model {
  taken = new Set<bigint>();
  cooling = new Map<bigint, number>();
  reserved = new Map<string, { first: bigint; last: bigint; untilMs: number }>();
  cools = true;

  isReserved = (v: bigint): boolean => [...this.reserved.values()].some(({ first, last }) => first <= v && v <= last);
  isCooling = (v: bigint): boolean => this.cools && this.cooling.has(v) && !this.taken.has(v);
  isUnavailable = (v: bigint): boolean => this.taken.has(v) || this.isReserved(v) || this.isCooling(v);
  advance(nowMs: number): void {
    for (const [v, until] of this.cooling) if (until <= nowMs) this.cooling.delete(v);
    for (const [n, { untilMs: until }] of this.reserved) if (until <= nowMs) this.reserved.delete(n);
  }
  nextAbsent(from: bigint): bigint {
    let v = from;
    while (this.isUnavailable(v)) v++;
    return v;
  }
}

describe('law: what is held back', () => {
  it('is what lists that are scanned say, after any run of changes', () => fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const model = new Model();
    const taken = { IPv4: new AddressSet(), IPv6: new AddressSet() };
    const held = new HeldBack(taken, () => model.cools);
    for (const one of steps) apply(one, model, taken.IPv4, held);
    for (let v = 0n; v <= size + 1n; v++) {
      expect(held.unavailable('IPv4').nextAbsent(v), `after ${v}`).toBe(model.nextAbsent(v));
      expect(held.coolingOf(at(v)) !== undefined, `cooling ${v}`).toBe(model.isCooling(v));
      expect(held.reservationOf(at(v)) !== undefined, `reserved ${v}`).toBe(model.isReserved(v));
    }
    const band = { first: 5n, last: 30n, count: 26n };
    const counts = { reserved: 0n, coolingDown: 0n };
    for (let v = band.first; v <= band.last; v++) {
      if (!model.taken.has(v) && model.isReserved(v)) counts.reserved++;
      else if (model.isCooling(v)) counts.coolingDown++;
    }
    expect(held.within('IPv4', band)).toEqual(counts);
    expect(held.isEmpty).toBe(model.cooling.size === 0 && model.reserved.size === 0);
  }), { numRuns: 3000 }));
});

const apply = (one: Step, model: Model, taken: AddressSet, held: HeldBack): void => {
  switch (one.do) {
    case 'take':
    case 'free':
      model.taken[one.do === 'take' ? 'add' : 'delete'](one.value);
      taken[one.do === 'take' ? 'add' : 'delete'](one.value);
      return held.refresh(at(one.value));
    case 'cool':
      model.cooling.set(one.value, one.untilMs);
      return held.cool(at(one.value), { untilMs: one.untilMs, holder: 'shop/web' });
    case 'reserve': {
      const last = one.first + one.length - 1n;
      // Rules keep them apart; the same name again replaces.
      if ([...model.reserved].some(([n, other]) => n !== one.name && other.first <= last && one.first <= other.last)) return;
      model.reserved.set(one.name, { first: one.first, last, untilMs: one.untilMs });
      return held.reserve(reservation(one.name, one.first, last, one.untilMs));
    }
    case 'unreserve':
      model.reserved.delete(one.name);
      return held.unreserve(one.name);
    case 'advance':
      model.advance(one.nowMs);
      return held.advanceTo(one.nowMs);
    case 'coolDown':
      model.cools = one.on;
      return held.rebuild();
    case 'endCooling':
      model.cooling.clear();
      return held.endCooling();
  }
};

describe('law: what ends by itself', () => {
  it('comes out soonest first, and not before its time', () => fc.assert(fc.property(fc.array(fc.nat(50), { maxLength: 60 }), fc.nat(50), (times, nowMs) => {
    const expiries = new Expiries<{ untilMs: number }>();
    for (const time of times) expiries.add({ untilMs: time });
    const popped: number[] = [];
    for (let ended = expiries.popEnded(nowMs); ended !== undefined; ended = expiries.popEnded(nowMs)) popped.push(ended.untilMs);
    expect(popped).toEqual(times.filter((time) => time <= nowMs).sort((a, b) => a - b));
  }), { numRuns: 2000 }));
});
