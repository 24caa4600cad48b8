import type { Command } from '../commands.js';
import type { ServiceObject, ServiceSpec } from '../service.js';
import { imported, ips, ports, v4v6, type Metadata } from '../testing/commands.js';
import { assign, attach, lbPool, lbService, lbStatus } from '../testing/lb-commands.js';
import { given, type Scenario } from '../testing/scenario.js';

const A = '203.0.113.1';
const six = '2001:db8::10';
const dual: Partial<ServiceSpec> = { ...ips('10.0.0.7', 'fd00::7'), ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' };
const single: Partial<ServiceSpec> = { ...ips('10.0.0.7'), ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' };
const theirs = { uid: 'uid-web', creationTimestamp: '2024-05-06T07:08:09Z' };
const running = (spec: Partial<ServiceSpec> = {}, { shows = [], ...metadata }: Metadata & { shows?: string[] } = {}): ServiceObject =>
  ({ ...lbService('web', { ...single, ...spec }, { ...theirs, ...metadata }), status: { loadBalancer: shows.length === 0 ? {} : { ingress: shows.map((ip) => ({ ip, ipMode: 'VIP' })) } } });
const follow = (service: ServiceObject): Command => imported(service, 'replace');
const pool = lbPool('edge', [A, six]);
const after = (scenario: Scenario, command: Command): string => lbStatus(scenario.after(command).stored('web'));

describe('following a Service whose LB pools are here', () => {
  it('takes over what it shows', () => {
    given(v4v6, pool).when(follow(running({}, { shows: [A] }))).then('ip.allocated 10.0.0.7 static', `ip.allocated ${A} *`, `lb-member.joined ${A} *`, 'service.created shop/web');
  });

  it('leaves it what it got here, though the status there does not show it', () => {
    const scenario = given(v4v6, pool, follow(running()), assign('web'));
    scenario.when(follow(running())).thenNothing();
    scenario.when(follow(running({}, { labels: { a: 'b' } }))).then('service.updated shop/web');
    expect(after(scenario, follow(running({}, { labels: { a: 'b' } })))).toBe(`${A} True/Assigned`);
  });

  it('takes it away when it asks for something else', () => {
    const scenario = given(v4v6, pool, follow(running()), assign('web'));
    scenario.when(follow(running({ loadBalancerIP: '203.0.113.9' }))).then(`lb-member.left ${A} *`, `ip.released ${A} *`, 'service.updated shop/web');
  });

  it('takes the one of a family away that it has no longer', () => {
    const scenario = given(v4v6, pool, follow(running(dual)), assign('web'));
    expect(lbStatus(scenario.stored('web'))).toBe(`${A} ${six} True/Assigned`);
    expect(after(scenario, follow(running()))).toBe(`${A} True/Assigned`);
    expect(scenario.state.lb.addresses()).toEqual([A]);
  });

  it('keeps the ports of a sharing group current', () => {
    const sharing = { annotations: { 'ipledger.io/sharing-key': 'front' } };
    const scenario = given(v4v6, pool, follow(running(ports('80:30080'), sharing)), assign('web'), follow(running(ports('81:30080'), sharing)));
    expect(scenario.state.lb.membersOf(A)).toMatchObject([{ ports: ['TCP/81'] }]);
  });

  describe('of a shared pool', () => {
    const attached = (): Scenario => {
      const scenario = given(v4v6, pool, follow(running(dual)));
      return scenario.after(attach('web', Number(scenario.stored('web').metadata.resourceVersion), ['198.51.100.1']));
    };
    it('leaves it what is attached', () => expect(after(attached(), follow(running(dual, { labels: { a: 'b' } })))).toBe('198.51.100.1 True/PartlyAssigned'));
    it('never lets it have addresses of its cluster too', () => {
      const scenario = attached();
      expect(after(scenario, follow(running(dual, { shows: [six] })))).toBe(`${six} True/PartlyAssigned`);
      expect(scenario.state.attachments.all()).toEqual([]);
    });
    it('takes it away with its family', () => {
      const scenario = attached();
      const other: Partial<ServiceSpec> = { ...ips('fd00::7'), ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' };
      expect(after(scenario, follow(running(other)))).toBe('False/NoPool');
      expect(scenario.state.attachments.all()).toEqual([]);
    });
  });
});
