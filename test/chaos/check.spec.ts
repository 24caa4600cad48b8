import { checkHistory } from './check.js';
import type { LogEvent, Operation } from './history.js';
import { foldLog } from './timeline.js';

/** A log in short: `['op-1', 'web', 'u1', '+10.0.0.1']` creates, `-10.0.0.1` releases and deletes. */
const logOf = (...commands: [requestId: string, name: string, uid: string, address: string][]): LogEvent[] => {
  const events: LogEvent[] = [];
  for (const [requestId, name, uid, change] of commands) {
    const [sign, address] = [change[0], change.slice(1)];
    const service = { namespace: 'ns', name, uid };
    const created = sign === '+';
    const command = { id: `c-${events.length}`, requestId };
    events.push({ revision: events.length + 1, epoch: 1, time: '', type: created ? 'ip.allocated' : 'ip.released', command: { ...command, index: 0, last: false }, data: { address, service } });
    events.push({ revision: events.length + 1, epoch: 1, time: '', type: created ? 'service.created' : 'service.deleted', command: { ...command, index: 1, last: true }, data: { service, object: { spec: { clusterIPs: [address] } } } });
  }
  return events;
};

const operation = (id: string, kind: Operation['kind'], name: string, [startMs, endMs]: [number, number], outcome: Operation['outcome'], unknownAttempts = 0): Operation =>
  ({ id, cluster: 'c', kind, service: `ns/${name}`, startMs, endMs, unknownAttempts, outcome });
const done = (revision: number, uid: string, ...addresses: string[]): Operation['outcome'] => ({ kind: 'done', status: 200, revision, uid, addresses, lbAddresses: [] });
const refused = (reason: string, message = ''): Operation['outcome'] => ({ kind: 'refused', status: 409, reason, message });

const violations = (events: LogEvent[], operations: Operation[]): string[] => {
  const { log, violations: malformed } = foldLog('c', events);
  return [...malformed, ...checkHistory(operations, log, { IPv4: 2, IPv6: 2 })];
};

const created = operation('op-1', 'create', 'web', [0, 10], done(2, 'u1', '10.0.0.1'));
const log = logOf(['op-1.1', 'web', 'u1', '+10.0.0.1'], ['op-2.1', 'web', 'u1', '-10.0.0.1'], ['op-3.2', 'api', 'u2', '+10.0.0.1']);
const deleted = operation('op-2', 'delete', 'web', [20, 30], done(4, 'u1', '10.0.0.1'));
const createdAgain = operation('op-3', 'create', 'api', [25, 50], done(6, 'u2', '10.0.0.1'), 1);

describe('the history checker', () => {
  it('accepts what is right', () => {
    expect(violations(log, [created, deleted, createdAgain])).toEqual([]);
  });

  it.each<[string, LogEvent[], Operation[], RegExp]>([
    ['an acknowledged create that is not in the log', log.slice(0, 4), [created, deleted, createdAgain], /op-3 .* acknowledged with revision 6 and is not in the log/],
    ['an operation in the log twice', [...log, ...logOf(['op-3.1', 'api', 'u3', '+10.0.0.2']).map((event) => ({ ...event, revision: event.revision + 6, command: { ...event.command, id: 'again' } }))], [created, deleted, createdAgain], /op-3 .* in the log 2 times/],
    ['a gap', log.filter(({ revision }) => revision !== 3), [created, deleted, createdAgain], /revision 4 follows 2/],
    ['half a command', log.slice(0, 5), [created, deleted], /ends inside command/],
    ['an address given while it is held', logOf(['op-1.1', 'web', 'u1', '+10.0.0.1'], ['op-4.1', 'api', 'u2', '+10.0.0.1']), [created, operation('op-4', 'create', 'api', [0, 5], done(4, 'u2', '10.0.0.1'))], /10\.0\.0\.1 is given to ns\/api .* while u1 holds it/],
    ['an order that real time forbids', log, [{ ...created, startMs: 60, endMs: 70 }, deleted, createdAgain], /op-1 .* at 2, outside/],
    ['an answer with another address than the log', log, [operation('op-1', 'create', 'web', [0, 10], done(2, 'u1', '10.0.0.9')), deleted, createdAgain], /was answered u1 10\.0\.0\.9, but the log has u1 10\.0\.0\.1/],
    ['a read of what no longer stood', log, [created, deleted, createdAgain, operation('op-5', 'get', 'web', [60, 70], done(2, 'u1', '10.0.0.1'))], /op-5 .* did not stand/],
    ['a refusal without cause', log, [created, deleted, createdAgain, operation('op-6', 'create', 'new', [60, 70], refused('AlreadyExists'))], /op-6 .* refused without cause/],
    ['a pool called full that is not', log, [created, deleted, createdAgain, operation('op-7', 'create', 'new', [60, 70], refused('InternalError', 'range is full'))], /op-7 .* without cause/],
    ['a refused operation that took place', log, [created, deleted, operation('op-3', 'create', 'api', [25, 50], refused('AlreadyExists'))], /op-3 .* refused .* and is in the log at 6/],
    ['a command that nobody asked for', log, [created, deleted], /op-3\.2 is in the log at 6, and nobody asked for it/],
    ['a delete that hit another one than it named', log, [created, { ...deleted, onlyUid: 'u0' }, createdAgain], /op-2 .* was to delete u0 and no other, and has deleted u1/],
    ['a precondition that held and was refused', log, [created, deleted, createdAgain, { ...operation('op-6', 'delete', 'api', [60, 70], refused('Conflict')), onlyUid: 'u2' }], /op-6 .* refused without cause/],
    ['two clients that held one address', log, [created, { ...deleted, startMs: 45, endMs: 48 }, { ...createdAgain, startMs: 30, endMs: 40 }], /clients saw 10\.0\.0\.1 held by u1 until 45 ms and by u2 from 40 ms/],
  ])('finds %s', (_what, events, operations, expected) => {
    expect(violations(events, operations).some((one) => expected.test(one)) || violations(events, operations)).toBe(true);
  });

  it('lets an attempt without an answer take effect after another attempt was refused', () => {
    const late = operation('op-3', 'create', 'api', [25, 26], refused('Conflict'), 1);
    expect(violations(log, [created, deleted, { ...late, outcome: refused('AlreadyExists') }]).filter((one) => one.includes('is in the log'))).toEqual([]);
  });
});
