import { BadMessage, decodeEvent, encodeEvent, type Message, type ReadMessage } from './cloud-event.js';
import { checkedEvent } from './event-contract.js';
import { eventsOf } from './recorded.js';
import { TestLog } from './testing/commands.js';

const onTheWire = ({ key, value, headers }: Message): ReadMessage => ({
  key: Buffer.from(key), value: value === null ? null : Buffer.from(value),
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
});
const [allocated, created] = eventsOf(new TestLog('blue').take('10.0.0.1'));

describe('an event on Kafka', () => {
  it('is a CloudEvent in binary mode, keyed by its cluster', () => {
    const message = encodeEvent({ ...allocated!, command: { ...allocated!.command, id: 'c-1' } });
    expect(message).toEqual({
      key: 'blue',
      value: '{"address":"10.0.0.1","family":"IPv4","cidr":null,"band":null,"scope":"dynamic","service":{"namespace":"shop","name":"s-10-0-0-1","uid":"uid-s-10-0-0-1"}}',
      headers: {
        'content-type': 'application/json', ce_specversion: '1.0', ce_id: 'blue/1/1', ce_source: '/clusters/blue', ce_type: 'ip.allocated.v1',
        ce_subject: 'shop/s-10-0-0-1', ce_time: '2026-01-02T03:04:05.678Z', ce_dataschema: 'urn:ipledger:event:ip.allocated:1.2', ce_partitionkey: 'blue',
        ce_sequence: '00000000000000000001', ce_epoch: '1', ce_commandid: 'c-1', ce_commandkind: 'CreateService', ce_commandindex: '0', ce_commandlast: 'false',
        ce_requestid: 'r-1', ce_useragent: 'kubectl/ü',
      },
    });
  });

  it('says of which shared LB pool it is', () => {
    const [event] = eventsOf(new TestLog('lb-pool:edge').take('10.0.0.1'));
    expect(encodeEvent(event!)).toMatchObject({ key: 'lb-pool:edge', headers: { ce_source: '/lb-pools/edge', ce_partitionkey: 'lb-pool:edge', ce_id: 'lb-pool:edge/1/1' } });
  });

  it.each([['first of two', allocated!], ['last of two', created!]])('comes back as it was, the %s', (_, event) => {
    expect(checkedEvent(decodeEvent(onTheWire(encodeEvent(event))))).toEqual(event);
  });

  it.each(['ce_specversion', 'ce_id', 'ce_type', 'ce_time', 'ce_partitionkey', 'ce_sequence', 'ce_epoch', 'ce_commandid', 'ce_commandkind', 'ce_commandindex', 'ce_commandlast'])(
    'without %s is refused by name', (name) => {
      const { [name]: _, ...headers } = encodeEvent(allocated!).headers;
      expect(() => decodeEvent(onTheWire({ ...encodeEvent(allocated!), headers }))).toThrow(new BadMessage(`the header ${name} is missing`));
    });

  it.each([
    ['a sequence that is no number', { headers: { ce_sequence: '1x' } }, 'the header ce_sequence is "1x", not a whole number'],
    ['a sequence past 2^53', { headers: { ce_sequence: '99999999999999999999' } }, 'the header ce_sequence is "99999999999999999999", not a whole number'],
    ['another version of CloudEvents', { headers: { ce_specversion: '0.3' } }, 'the header ce_specversion is not 1.0'],
    ['no JSON', { value: '{' }, 'the value is no JSON'],
    ['no value', { value: null }, 'the value is no JSON'],
  ])('with %s is refused', (_, change, message) => {
    const { key, value, headers } = encodeEvent(allocated!);
    const changed = { key, value, ...change, headers: { ...headers, ...('headers' in change && change.headers) } };
    expect(() => decodeEvent(onTheWire(changed))).toThrow(new BadMessage(message));
  });

  it('that does not fit its schema is refused, with the place', () => {
    const damaged = decodeEvent(onTheWire({ ...encodeEvent(allocated!), value: '{"address":"10.0.0.1","family":"IPv5","cidr":null,"band":null,"scope":"dynamic","service":{"namespace":"a","name":"b","uid":"c"}}' }));
    expect(() => checkedEvent(damaged)).toThrow('event blue/1/1 (ip.allocated.v1) does not fit its schema: data/family must be equal to one of the allowed values');
  });

  it('of a type that is not known here passes, for the reader to judge', () => {
    const later = decodeEvent(onTheWire(encodeEvent({ ...allocated!, type: 'ip.lent', data: { to: 'x' } })));
    expect(checkedEvent(later)).toMatchObject({ type: 'ip.lent', data: { to: 'x' }, revision: 1 });
  });
});
