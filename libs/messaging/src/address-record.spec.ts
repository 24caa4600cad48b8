import type { RecordedCommand } from './recorded.js';
import { addressMessages, claimMessage } from './address-record.js';

const service = { namespace: 'shop', name: 'web', uid: 'u-1' };
const time = '2026-01-02T03:04:05.678Z';
const allocated = (cluster: string, data: object): RecordedCommand => ({
  cluster, epoch: 2, firstRevision: 7, revision: 7, time,
  events: [{ type: 'ip.allocated', data: { address: '203.0.113.7', family: 'IPv4', cidr: '203.0.113.0/24', band: 'dynamic', scope: 'dynamic', service, ...data } }],
} as unknown as RecordedCommand);

describe('the record of who holds an address', () => {
  it.each<[what: string, log: string, facts: object, lbCluster: string | undefined, members: object]>([
    ['a cluster IP', 'blue', {}, undefined, {}],
    ["an address of a cluster's LB pool", 'blue', { kind: 'load-balancer', lbPool: 'edge' }, '', { kind: 'load-balancer' }],
    ['an address of a shared LB pool', 'lb-pool:wan', { kind: 'load-balancer', lbPool: 'wan', cluster: 'blue' }, 'blue', { kind: 'load-balancer', serviceCluster: 'blue' }],
  ])('is the same from the event and from the claim: %s', (_, log, facts, lbCluster, members) => {
    const [fromEvent, reached] = addressMessages([allocated(log, facts)]);
    expect(JSON.parse(fromEvent?.value ?? '')).toEqual({ cluster: log, address: '203.0.113.7', family: 'IPv4', service, ...members, since: time, revision: 7, epoch: 2 });
    expect(claimMessage(log, 2, { ...service, address: '203.0.113.7', since: new Date(time), revision: 7, ...(lbCluster !== undefined && { lbCluster }) })).toEqual(fromEvent);
    expect(reached?.key).toBe(log);
  });
});
