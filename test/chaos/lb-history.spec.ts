import type { LogEvent, Operation } from './history.js';
import { checkLbHeldOnce, checkMembers } from './lb-history.js';

const address = '203.0.113.1';
type Change = '+ip' | '-ip' | 'joins' | 'leaves';
/** Commands of a pool's log in short: each a list of changes, by whom (`cluster/name`), with which sharing key. */
const logOf = (...commands: [change: Change, who?: string, sharingGroup?: string][][]): LogEvent[] => {
  const types = { '+ip': 'ip.allocated', '-ip': 'ip.released', joins: 'lb-member.joined', leaves: 'lb-member.left' };
  let revision = 0;
  return commands.flatMap((changes, c) => changes.map(([change, who = 'blue/web', sharingGroup], index) => {
    const [cluster = '', name = ''] = who.split('/');
    return { revision: ++revision, epoch: 1, type: types[change], time: '', command: { id: `c-${c}`, index, last: index === changes.length - 1, requestId: null }, data: { address, cluster, sharingGroup: sharingGroup ?? null, service: { namespace: 'shop', name, uid: `u-${name}` } } };
  }));
};

describe('the check of who has an address of a shared pool', () => {
  it('accepts one after the other, and several of one sharing group', () => {
    expect(checkMembers('lb-pool:edge', logOf([['+ip'], ['joins']], [['-ip'], ['leaves']], [['+ip', 'green/web'], ['joins', 'green/web']]))).toEqual([]);
    expect(checkMembers('lb-pool:edge', logOf([['+ip'], ['joins', 'blue/web', 'front']], [['joins', 'blue/tls', 'front']], [['leaves', 'blue/web', 'front']], [['-ip'], ['leaves', 'blue/tls', 'front']]))).toEqual([]);
    expect(checkMembers('lb-pool:edge', logOf([['+ip'], ['joins']], [['joins']]))).toEqual([]); // renewed
  });

  it.each<[string, LogEvent[], RegExp]>([
    ['two Services', logOf([['+ip'], ['joins']], [['joins', 'green/web']]), /203\.0\.113\.1 is given to green\/shop\/web u-web while blue\/shop\/web u-web has it/],
    ['two of one key in two clusters', logOf([['+ip'], ['joins', 'blue/web', 'front']], [['joins', 'green/web', 'front']]), /given to green/],
    ['two of two keys', logOf([['+ip'], ['joins', 'blue/web', 'front']], [['joins', 'blue/tls', 'back']]), /given to blue\/shop\/tls/],
    ['a claim for nobody', logOf([['+ip']]), /revision 1: 203\.0\.113\.1 is held, and nobody has it/],
    ['an address let go of too early', logOf([['+ip'], ['joins']], [['-ip']]), /let go of while blue\/shop\/web u-web has it/],
    ['a leave of who was not there', logOf([['+ip'], ['joins']], [['leaves', 'green/web']]), /green\/shop\/web u-web leaves/],
  ])('finds %s', (_, events, expected) => {
    expect(checkMembers('lb-pool:edge', events).join('\n')).toMatch(expected);
  });
});

describe('the check of what clients saw of a shared pool', () => {
  const seen = (cluster: string, kind: Operation['kind'], [startMs, endMs]: [number, number], { sharingKey, unknownAttempts = 0, name = 'web' }: { sharingKey?: string; unknownAttempts?: number; name?: string } = {}): Operation => ({
    id: `op-${cluster}-${name}-${startMs}`, cluster, kind, service: `shop/${name}`, startMs, endMs, unknownAttempts,
    outcome: { kind: 'done', status: 200, revision: 1, uid: `u-${cluster}-${name}`, addresses: [], lbAddresses: [address], ...(sharingKey !== undefined && { sharingKey }) },
  });
  const blue = seen('blue', 'get', [0, 10]);

  it('accepts that it went on after a delete, and that it is shared', () => {
    expect(checkLbHeldOnce([blue, seen('blue', 'delete', [20, 30]), seen('green', 'get', [25, 40])])).toEqual([]);
    expect(checkLbHeldOnce([seen('blue', 'get', [0, 10], { sharingKey: 'front' }), seen('blue', 'get', [20, 30], { sharingKey: 'front', name: 'tls' })])).toEqual([]);
  });
  it('lets a write without an answer happen late', () => {
    expect(checkLbHeldOnce([seen('blue', 'delete', [0, 5], { unknownAttempts: 1 }), seen('blue', 'get', [6, 10]), seen('green', 'get', [20, 30])])).toEqual([]);
  });
  it.each<[string, Operation[]]>([
    ['two clusters', [blue, seen('green', 'get', [20, 30])]],
    ['before a delete', [blue, seen('green', 'get', [12, 15]), seen('blue', 'delete', [20, 30])]],
    ['one key of two clusters', [seen('blue', 'get', [0, 10], { sharingKey: 'front' }), seen('green', 'get', [20, 30], { sharingKey: 'front' })]],
  ])('finds %s that had it at once', (_, operations) => {
    expect(checkLbHeldOnce(operations)).toEqual([expect.stringContaining(`clients saw ${address} at u-blue-web`)]);
  });
});
