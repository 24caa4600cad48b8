import fc from 'fast-check';
import { create, families, headless, ips, orderTime, patch, range4, range6, register, releaseReservation, remove, removeCluster, reserve, service, v4, v4v6 } from '../testing/commands.js';
import { given } from '../testing/scenario.js';
import { reservationsMax } from './rules.js';

const at = (seconds: number): Date => new Date(orderTime.getTime() + seconds * 1000);
const until = at(60).toISOString();
const confirm = (name: string, reservation: string, spec: object = {}) => ({ ...create(service(name, spec)), reservation });
const named = (reservation: string) => ({ annotations: { 'ipledger/reservation': reservation } });

describe('reserving', () => {
  it('an address holds it back', () => given(v4).when(reserve('r', '10.0.0.7', { until })).then('reservation.made r 10.0.0.7'));
  it('says who, why, where and until when', () => expect(given(v4).when(reserve('r', '10.0.0.16-10.0.0.31', { until })).accepted().events[0]?.data)
    .toEqual({ reservation: { name: 'r', family: 'IPv4', cidr: range4, first: '10.0.0.16', last: '10.0.0.31', reason: 'later', owner: 'ann', until } }));
  it('any address of a family takes one that a Service could get', () => given(v4v6).when(reserve('r', 'IPv6')).then('reservation.made r fd00::*'));
  it('a range leaves what is held in it with its holder', () =>
    given(v4, service('web', ips('10.0.0.7'))).when(reserve('r', '10.0.0.0-10.0.0.15')).then('reservation.made r 10.0.0.1-10.0.0.15'));
  it('answers the reservation, in a dry run too, which changes nothing', () => {
    const outcome = given(v4).when(reserve('r', '10.0.0.7', { dryRun: true }));
    outcome.thenNothing();
    expect(JSON.parse(outcome.accepted().answer ?? '')).toMatchObject({ name: 'r', first: '10.0.0.7' });
  });

  it.each<[why: string, command: ReturnType<typeof reserve>, code: string, fields: object]>([
    ['a held address', reserve('r', '10.0.0.9'), 'address_held', { cluster: 'blue', address: '10.0.0.9' }],
    ['a name that is there', reserve('there', '10.0.0.7'), 'reservation_exists', { cluster: 'blue', reservation: 'there' }],
    ['an address of another reservation', reserve('r', '10.0.0.33'), 'reservation_overlaps', { cluster: 'blue', other: 'there' }],
    ['a range that meets another one', reserve('r', '10.0.0.16-10.0.0.32'), 'reservation_overlaps', { cluster: 'blue', other: 'there' }],
    ['a range around a reserved address', reserve('r', '10.0.0.48-10.0.0.52'), 'reservation_overlaps', { cluster: 'blue', other: 'one' }],
    ['a family that the cluster lacks', reserve('r', 'IPv6'), 'pools_exhausted', { cluster: 'blue', family: 'IPv6' }],
  ])('%s is refused', (_, command, code, fields) =>
    given(v4, service('web', ips('10.0.0.9')), reserve('there', '10.0.0.32-10.0.0.47'), reserve('one', '10.0.0.50')).when(command).thenRejected(code as never, { ...fields }));

  it.each<[command: ReturnType<typeof reserve>, field: string, why: RegExp]>([
    [reserve('R!', '10.0.0.7'), 'name', /RFC 1123 label/],
    [{ ...reserve('r', '10.0.0.7'), reason: ' ' }, 'reason', /is needed/],
    [{ ...reserve('r', '10.0.0.7'), owner: 'x'.repeat(257) }, 'owner', /at most 256/],
    [reserve('r', '10.0.0.7', { until: 'tomorrow' }), 'until', /is not a time/],
    [reserve('r', '10.0.0.7', { until: orderTime.toISOString() }), 'until', /lies in the past/],
    [reserve('r', '10.0.1.7'), 'addresses', /does not lie in one CIDR/],
    [reserve('r', '10.0.0.250-10.0.1.7'), 'addresses', /does not lie in one CIDR/],
    [reserve('r', '10.0.0.9-10.0.0.7'), 'addresses', /lower one first/],
    [reserve('r', '10.0.0.9-fd00::7'), 'addresses', /of one family/],
    [reserve('r', '10.0.0.0'), 'addresses', /can never be handed out/],
    [{ ...reserve('r', 'fd00::-fd00::ffff:ffff:ffff:ffff') }, 'addresses', /at most 2\^48 addresses/],
    [reserve('r', 'ten'), 'addresses', /no address and no range/],
  ])('%j is refused for its %s', (command, field, why) => {
    const rejection = given(register([range4, 'fd00::/64'])).when(command).rejection();
    expect(rejection).toMatchObject({ code: 'cluster_invalid', problems: [{ field, why: expect.stringMatching(why) }] });
  });

  it('has a limit for ranges, which are stepped over one by one', () => {
    const scenario = given(register(['10.0.0.0/16']));
    for (let i = 0; i < reservationsMax.ranges; i++) scenario.after(reserve(`r${i}`, `10.0.${i}.2-10.0.${i}.3`));
    scenario.when(reserve('more', '10.0.200.2-10.0.200.3')).thenRejected('reservations_too_many', { cluster: 'blue', kind: 'ranges', max: reservationsMax.ranges });
    scenario.when(reserve('one', '10.0.200.1')).then('reservation.made one 10.0.200.1');
  });
});

describe('a reserved address', () => {
  const scenario = given(v4, reserve('r', '10.0.0.7', { until }));
  const refusal = 'spec.clusterIPs: Invalid value: ["10.0.0.7"]: failed to allocate IP 10.0.0.7: provided IP is reserved; the annotation ipledger/reservation: r lets a Service have it';

  it('is refused to who asks for it', () => scenario.when(create(service('web', ips('10.0.0.7')))).thenInvalid(refusal));
  it('is refused to who names another reservation', () => scenario.when(create(service('web', ips('10.0.0.7'), named('s')))).thenInvalid(refusal));
  it('goes to the Service that names its reservation, which ends', () => scenario.when(create(service('web', ips('10.0.0.7'), named('r'))))
    .then('reservation.released r 10.0.0.7 confirmed', 'ip.allocated 10.0.0.7 static', 'service.created shop/web'));
  it('goes to the Service that confirms it, without being named', () => scenario.when(confirm('web', 'r'))
    .then('reservation.released r 10.0.0.7 confirmed', 'ip.allocated 10.0.0.7 static', 'service.created shop/web'));
  it('is free again when it is released, or when its time has come', () => {
    given(v4, reserve('r', '10.0.0.7'), releaseReservation('r')).when(create(service('web', ips('10.0.0.7')))).then('ip.allocated 10.0.0.7 static', 'service.created shop/web');
    const later = given(v4, reserve('r', '10.0.0.7', { until }));
    later.when({ ...create(service('web', ips('10.0.0.7'))), time: at(59) }).thenInvalid(refusal);
    later.when({ ...create(service('web', ips('10.0.0.7'))), time: at(60) }).then('ip.allocated 10.0.0.7 static', 'service.created shop/web');
  });
  it('can be the second address of an update', () => given(v4v6, service('web', ips('10.0.0.7')), reserve('r', 'fd00::7'))
    .when(patch('web', { metadata: named('r'), spec: { ipFamilyPolicy: 'PreferDualStack', clusterIPs: ['10.0.0.7', 'fd00::7'] } }))
    .then('reservation.released r fd00::7 confirmed', 'ip.allocated fd00::7 static', 'service.updated shop/web'));
});

describe('confirming', () => {
  const range = given(v4v6, reserve('r', '10.0.0.0-10.0.0.3'));
  it('takes the lowest free address of a range, which stays', () => {
    range.when(confirm('web', 'r')).then('ip.allocated 10.0.0.1 static', 'service.created shop/web');
    given(v4v6, reserve('r', '10.0.0.0-10.0.0.3'), confirm('web', 'r')).when(confirm('db', 'r')).then('ip.allocated 10.0.0.2 static', 'service.created shop/db');
    expect(range.when(confirm('web', 'r')).accepted().events[0]).toMatchObject({ data: { reservation: 'r' } });
  });
  it('gives the second family as usual', () =>
    range.when(confirm('web', 'r', { ipFamilyPolicy: 'PreferDualStack' })).then('ip.allocated 10.0.0.1 static', 'ip.allocated fd00::* dynamic', 'service.created shop/web'));
  it('takes the address that the Service names', () => range.when(confirm('web', 'r', ips('10.0.0.3'))).then('ip.allocated 10.0.0.3 static', 'service.created shop/web'));
  it('is refused when the range is used up', () => {
    const full = given(v4v6, reserve('r', '10.0.0.8-10.0.0.9'), confirm('a', 'r'), confirm('b', 'r'));
    full.when(confirm('web', 'r')).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv4' });
  });
  it.each([['names another address', ips('10.0.0.99')], ['is headless', headless], ['has no address', { type: 'ExternalName', externalName: 'db.example.com' }]])('of a Service that %s is refused', (_, spec) =>
    range.when(confirm('web', 'r', spec)).thenRejected('reservation_unused', { cluster: 'blue', reservation: 'r' }));
  it('of what is not there is refused', () => range.when(confirm('web', 's')).thenRejected('reservation_not_found', { cluster: 'blue', reservation: 's' }));
});

describe('releasing', () => {
  it('of what is not there is refused', () => given(v4).when(releaseReservation('r')).thenRejected('reservation_not_found', { cluster: 'blue', reservation: 'r' }));
  it('of what has ended is, too', () => {
    const command = { ...releaseReservation('r'), time: at(61) };
    given(v4, reserve('r', '10.0.0.7', { until })).when(command).thenRejected('reservation_not_found', { cluster: 'blue', reservation: 'r' });
  });
  it('comes with the end of the cluster', () =>
    given(v4, reserve('r', '10.0.0.7')).when(removeCluster()).then('reservation.released r 10.0.0.7 cluster-removed', 'cluster.removed'));
});

describe('law: a dynamic request', () => {
  it('gets every address that is not reserved, and none that is', () => fc.assert(fc.property(
    fc.uniqueArray(fc.integer({ min: 1, max: 14 }), { maxLength: 6 }), fc.integer({ min: 1, max: 14 }), fc.nat(3), fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()),
    (singles, first, length, seed) => {
      const scenario = given(register(['10.0.0.0/28']));
      const reserved = new Set<string>();
      const hold = (name: string, from: number, to: number): void => {
        if (scenario.decide(reserve(name, `10.0.0.${from}-10.0.0.${to}`)).outcome === 'rejected') return;
        scenario.after(reserve(name, `10.0.0.${from}-10.0.0.${to}`));
        for (let n = from; n <= to; n++) reserved.add(`10.0.0.${n}`);
      };
      hold('range', first, Math.min(14, first + length));
      for (const n of singles) hold(`s${n}`, n, n);
      const got: string[] = [];
      for (let i = 0; i < 14 - reserved.size; i++) {
        scenario.after({ ...create(service(`s${i}`, families('IPv4'))), seed: [seed[0] + i, seed[1], seed[2], seed[3]] });
        got.push(scenario.stored(`s${i}`).spec.clusterIP ?? '');
      }
      expect(got.filter((text) => reserved.has(text))).toEqual([]);
      expect(new Set(got).size).toBe(14 - reserved.size);
      expect(scenario.decide(create(service('more')))).toMatchObject({ rejection: { code: 'addresses_exhausted' } });
    }), { numRuns: 1000 }));
});

describe('with nothing held back', () => {
  it('the choice is the one without reservations', () => fc.assert(fc.property(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()), (seed) => {
    const order = { ...create(service('web')), seed };
    const plain = given(register([range4, range6])).when(order).accepted().events;
    const after = given(register([range4, range6]), reserve('r', '10.0.0.7'), releaseReservation('r'), service('a'), remove('a'));
    expect(after.when(order).accepted().events[0]).toEqual(plain[0]);
  }), { numRuns: 200 }));
});

it.each([{ reason: 'a\0b' }, { owner: '\0' }])('a reservation is not made with a text that no table can hold: %j', (texts) =>
  expect(given(v4).when({ ...reserve('r', 'IPv4'), ...texts }).rejection()).toMatchObject({ code: 'cluster_invalid', problems: [{ field: Object.keys(texts)[0], why: expect.stringContaining('no NUL') }] }));
