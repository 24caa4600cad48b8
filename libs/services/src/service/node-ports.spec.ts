import { create, externalName, headless, ips, patch, ports, register, remove, replace, service, v4 } from '../testing/commands.js';
import { given, type Outcome, type Scenario } from '../testing/scenario.js';

const A = '10.0.0.7';
const node = { type: 'NodePort', ...ips(A) };
const balancer = { type: 'LoadBalancer', ...ips(A) };
const local = { ...balancer, externalTrafficPolicy: 'Local' };
const address = `ip.allocated ${A} static`;
/** Three node ports in all, so that a spec can fill them. */
const tiny = register(['10.0.0.0/24'], { nodePortRange: '31000-31002' });
const numbers = (outcome: Outcome): (number | undefined)[] => (outcome.answer().spec.ports ?? []).map(({ nodePort }) => nodePort);
const takenCause = (i: number, port: number): string => `spec.ports[${i}].nodePort: Invalid value: ${port}: provided port is already allocated`;
const rangeCause = (i: number, port: number): string => `spec.ports[${i}].nodePort: Invalid value: ${port}: provided port is not in the valid range. The range of valid ports is 30000-32767`;

/** Spec 6.1; alloc.go initNodePorts. */
describe('node ports of a new Service', () => {
  it.each<[what: string, spec: object, given: ReturnType<typeof ports>, events: string[]]>([
    ['none for ClusterIP', ips(A), ports('80'), []],
    ['any', node, ports('80'), ['port.allocated 3* dynamic']],
    ['the one that is asked for', node, ports('80:30001'), ['port.allocated 30001 static']],
    ['the first of the range', node, ports('80:30000'), ['port.allocated 30000 static']],
    ['the last of the range', node, ports('80:32767'), ['port.allocated 32767 static']],
    ['one each', node, ports('a=80', 'b=81'), ['port.allocated 3* dynamic', 'port.allocated 3* dynamic']],
    ['the same port number shares what was chosen', node, ports('a=53', 'b=53/UDP'), ['port.allocated 3* dynamic']],
    ['the same port number shares what was asked for', node, ports('a=53:30053', 'b=53/UDP'), ['port.allocated 30053 static']],
    ['the first of a number takes what a later one asks for', node, ports('a=53', 'b=53/UDP:30053'), ['port.allocated 30053 static']],
    ['another explicit number of the same port number as well', node, ports('a=53:30053', 'b=53/UDP:30054'), ['port.allocated 30053 static', 'port.allocated 30054 static']],
    ['the same explicit number of the same port number once', node, ports('a=53:30053', 'b=53/UDP:30053'), ['port.allocated 30053 static']],
    ['LoadBalancer, unless it wants none', balancer, ports('80'), ['port.allocated 3* dynamic']],
    ['LoadBalancer that wants none', { ...balancer, allocateLoadBalancerNodePorts: false }, ports('a=80', 'b=81:30001', 'c=81/UDP'), ['port.allocated 30001 static']],
  ])('%s', (_, spec, list, events) => given(v4).when(create(service('web', { ...spec, ...list }))).then(address, ...events, 'service.created shop/web'));

  it('show in the Service', () => {
    expect(numbers(given(v4).when(create(service('web', { ...node, ...ports('a=53', 'b=53/UDP:30053', 'c=80:30080', 'd=80/UDP') }))))).toEqual([30053, 30053, 30080, 30080]);
    expect(numbers(given(v4).when(create(service('web', { ...balancer, allocateLoadBalancerNodePorts: false, ...ports('a=80', 'b=80/UDP:30001') }))))).toEqual([undefined, 30001]);
    const [first, second, third] = numbers(given(v4).when(create(service('web', { ...node, ...ports('a=53', 'b=53/UDP', 'c=54') }))));
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it.each<[what: string, list: ReturnType<typeof ports>, causes: string[]]>([
    ['held by another Service', ports('80:30001'), [takenCause(0, 30001)]],
    ['held for another protocol: numbers count, protocols do not', ports('80/UDP:30001'), [takenCause(0, 30001)]],
    ['used for another port of the same Service', ports('a=80:30002', 'b=81/UDP:30002'), [takenCause(1, 30002)]],
    ['reported where it is worked on, not where it stands', ports('a=53', 'b=53/UDP:30001'), [takenCause(0, 30001)]],
    ['below the range', ports('80:29999'), [rangeCause(0, 29999)]],
    ['above the range', ports('80:32768'), [rangeCause(0, 32768)]],
    ['negative', ports('80:-1'), [rangeCause(0, -1)]],
    ['the first of several', ports('a=80:1', 'b=81:2'), [rangeCause(0, 1)]],
  ])('refused: %s', (_, list, causes) => given(v4, service('other', { type: 'NodePort', ...ports('80:30001') })).when(create(service('web', { ...node, ...list }))).thenInvalid(...causes));

  it('are chosen above the static band while there is room, below it when there is none', () => {
    const scenario = given(register(['10.0.0.0/24'], { nodePortRange: '31000-31016' })); // 31016 is the dynamic band
    expect(numbers(scenario.when(create(service('web', node))))).toEqual([31016]);
    scenario.after(service('other', { type: 'NodePort' }));
    expect(numbers(scenario.when(create(service('web', node))))[0]).toBeLessThan(31016);
  });
  it('can all be had, and then no more', () => {
    const scenario = given(tiny).after(service('a', { type: 'NodePort', ...ports('a=80', 'b=81', 'c=82') }));
    expect([...scenario.state.ports.keys()].sort()).toEqual([31000, 31001, 31002]);
    scenario.when(create(service('web', node))).thenRejected('node_ports_exhausted');
    given(tiny).when(create(service('web', { ...node, ...ports('a=80', 'b=81', 'c=82', 'd=83') }))).thenRejected('node_ports_exhausted');
  });
  it('NodePort without ports fails for the ports only', () => given(v4).when(create(service('web', { ...node, ports: [] }))).thenInvalid('spec.ports: Required value'));
  it('one number for one protocol twice is for validation to say', () =>
    given(v4).when(create(service('web', { ...node, ...ports('a=80:30001', 'b=80:30001') }))).thenInvalid('spec.ports[1].nodePort: Duplicate value: 30001', 'spec.ports[1]: Duplicate value: *'));
});

/** Spec 2.2 and 6.1; patchAllocatedValues, updateNodePorts. */
describe('node ports of an updated Service', () => {
  const stored = (...list: string[]): Scenario => given(v4, service('web', { ...node, ...ports(...list) }), service('other', { type: 'NodePort', ...ports('80:30099') }));
  const put = (scenario: Scenario, ...list: string[]): Outcome => scenario.when(replace(service('web', { type: 'NodePort', ...ports(...list) })));

  it.each<[what: string, had: string[], put: string[], numbers: (number | undefined)[], events: string[]]>([
    ['left out: restored by name', ['a=80:30001', 'b=81:30002'], ['b=81', 'a=80'], [30002, 30001], []],
    ['left out without names', ['80:30001'], ['80'], [30001], []],
    ['another port of the same name keeps the number', ['a=80:30001'], ['a=443'], [30001], []],
    ['of several stored ports of one name the last counts', ['a=80:30001', 'b=81:30002'], ['b=90', 'c=91:30001'], [30002, 30001], []],
    ['not restored where the number is used explicitly', ['a=80:30001'], ['a=80', 'b=81:30001'], [NaN, 30001], ['port.allocated 3* dynamic']],
    ['another number', ['80:30001'], ['80:30003'], [30003], ['port.released 30001 dropped', 'port.allocated 30003 static']],
    ['numbers swap: they stay held', ['a=80:30001', 'b=81:30002'], ['a=80:30002', 'b=81:30001'], [30002, 30001], []],
    ['a port goes', ['a=80:30001', 'b=81:30002'], ['a=80'], [30001], ['port.released 30002 dropped']],
    ['a port comes', ['a=80:30001'], ['a=80', 'b=81'], [30001, NaN], ['port.allocated 3* dynamic']],
    ['no sharing by port number, unlike create', ['a=53:30001'], ['a=53', 'b=53/UDP'], [30001, NaN], ['port.allocated 3* dynamic']],
    ['a new number is taken once for two protocols, whatever their ports', ['a=80:30001'], ['a=80:30003', 'b=81/UDP:30003'], [30003, 30003], ['port.released 30001 dropped', 'port.allocated 30003 static']],
    ['a shared number stays while one of them has it', ['a=53:30001', 'b=53/UDP:30001'], ['b=53/UDP:30001'], [30001], []],
  ])('%s', (_, had, list, expected, events) => {
    const outcome = put(stored(...had), ...list);
    outcome.then(...events, 'service.updated shop/web');
    expect(numbers(outcome)).toEqual(expected.map((number) => (Number.isNaN(number) ? expect.any(Number) : number)));
    expect(new Set(numbers(outcome)).size).toBe(new Set(expected).size);
  });

  it('an identical PUT changes nothing', () => given(v4, service('web', { ...node, ...ports('80:30001') })).when(replace(service('web', { ...node, ...ports('80:30001') }))).thenNothing());

  it.each<[what: string, list: string[], causes: string[]]>([
    ['held by another Service', ['80:30099'], [takenCause(0, 30099)]],
    ['out of range', ['a=80', 'b=81:1'], [rangeCause(1, 1)]],
    ['two ports of one name take the same restored number (upstream: 500)', ['80', '81'], ['spec.ports[1].nodePort: Duplicate value: 30001']],
    ['the same number and protocol twice (upstream: 500)', ['a=80:30003', 'b=81:30003'], ['spec.ports[1].nodePort: Duplicate value: 30003']],
  ])('refused: %s', (_, list, causes) => put(stored('80:30001'), ...list).thenInvalid(...causes));

  it('what a port gives up is free for another Service only afterwards', () => {
    const scenario = stored('80:30001').after(replace(service('web', { type: 'NodePort', ...ports('80:30003') })));
    scenario.when(create(service('db', { type: 'NodePort', ...ips('10.0.0.9'), ...ports('80:30001') }))).then('ip.allocated 10.0.0.9 static', 'port.allocated 30001 static', 'service.created shop/db');
  });

  it.each<[what: string, to: object, events: string[], numbers: (number | undefined)[]]>([
    ['to ClusterIP', { type: 'ClusterIP' }, ['port.released 30001 type-changed'], [undefined]],
    ['to LoadBalancer', { type: 'LoadBalancer' }, [], [30001]],
    ['to LoadBalancer that wants none, where the patch leaves the number', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }, [], [30001]],
    ['to ExternalName', { ...externalName }, [`ip.released ${A} type-changed`, 'port.released 30001 type-changed'], [undefined]],
  ])('%s', (_, spec, events, expected) => {
    const outcome = stored('80:30001').when(patch('web', { spec }));
    outcome.then(...events, 'service.updated shop/web');
    expect(numbers(outcome)).toEqual(expected);
  });

  it('to ClusterIP with another number: validation speaks', () =>
    stored('80:30001').when(patch('web', { spec: { type: 'ClusterIP', ports: [{ port: 80, nodePort: 30005 }] } })).thenInvalid("spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"));
  it('setting allocateLoadBalancerNodePorts to false later gives nothing back by itself', () => {
    const scenario = given(v4, service('web', { ...balancer, ...ports('80:30001') }));
    scenario.when(patch('web', { spec: { allocateLoadBalancerNodePorts: false } })).then('service.updated shop/web');
    const dropped = scenario.when(patch('web', { spec: { allocateLoadBalancerNodePorts: false, ports: [{ port: 80, nodePort: null }] } }));
    dropped.then('port.released 30001 dropped', 'service.updated shop/web');
    expect(numbers(dropped)).toEqual([undefined]);
  });
  it('a number that an ExternalName Service carries counts as stored when its type changes: not taken, never freed from its holder', () => {
    const scenario = given(v4, service('web', { type: 'NodePort', ...ports('80:30001') }), service('ext', { ...externalName, ...ports('80:30001') }));
    scenario.when(patch('ext', { spec: { type: 'NodePort' } })).then('ip.allocated * dynamic', 'service.updated shop/ext');
    scenario.after(patch('ext', { spec: { type: 'NodePort' } }));
    scenario.when(patch('ext', { spec: { ports: [{ port: 80, nodePort: 30002 }] } })).then('port.allocated 30002 static', 'service.updated shop/ext');
    scenario.when(patch('ext', { spec: { type: 'ClusterIP' } })).then('service.updated shop/ext');
    scenario.when(remove('ext')).then('ip.released * deleted', 'service.deleted shop/ext');
  });
  it('headless cannot become NodePort, and its node port is not kept', () =>
    given(v4, service('web', headless)).when(patch('web', { spec: { type: 'NodePort' } })).thenInvalid("spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"));
});

/** Spec 6.2. */
describe('the health check port', () => {
  const wanted = (healthCheckNodePort?: number) => ({ ...local, ...ports('80:30001'), healthCheckNodePort });

  it.each<[what: string, spec: object, events: string[]]>([
    ['any', wanted(), ['port.allocated 30001 static', 'port.allocated 3* dynamic health-check']],
    ['the one that is asked for', wanted(30009), ['port.allocated 30001 static', 'port.allocated 30009 static health-check']],
    ['none for the policy Cluster', { ...balancer, ...ports('80:30001') }, ['port.allocated 30001 static']],
    ['none for NodePort with the policy Local', { ...node, externalTrafficPolicy: 'Local', ...ports('80:30001') }, ['port.allocated 30001 static']],
  ])('%s', (_, spec, events) => given(v4).when(create(service('web', spec))).then(address, ...events, 'service.created shop/web'));

  it.each<[what: string, port: number, detail: string]>([
    ['held by another Service', 30099, 'provided port is already allocated'],
    ['taken by a node port of the same request', 30001, 'provided port is already allocated'],
    ['out of range', 29999, 'provided port is not in the valid range. The range of valid ports is 30000-32767'],
  ])('refused as an internal error: %s', (_, port, detail) =>
    given(v4, service('other', { type: 'NodePort', ...ports('80:30099') })).when(create(service('web', wanted(port)))).thenRejected('health_check_port_refused', { port, detail }));

  it('nothing free', () =>
    given(tiny).when(create(service('web', { ...local, ...ports('a=80', 'b=81', 'c=82') }))).thenRejected('health_check_port_refused', { port: 0, detail: 'range is full' }));
  it('given when it is not needed is for validation to say', () =>
    given(v4).when(create(service('web', { ...balancer, healthCheckNodePort: 30009 }))).thenInvalid("spec.healthCheckNodePort: Invalid value: 30009: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"));

  const stored = (): Scenario => given(v4, service('web', wanted(30009)));

  it('left out of a PUT: restored', () => {
    const outcome = stored().when(replace(service('web', { ...local, ...ports('80:30001') }, { labels: { a: 'b' } })));
    outcome.then('service.updated shop/web');
    expect(outcome.answer().spec.healthCheckNodePort).toBe(30009);
  });
  it('needed no more: given back and wiped', () => {
    for (const spec of [{ externalTrafficPolicy: 'Cluster' }, { type: 'NodePort' }]) {
      const outcome = stored().when(patch('web', { spec }));
      outcome.then(`port.released 30009 ${'type' in spec ? 'type-changed' : 'dropped'} health-check`, 'service.updated shop/web');
      expect(outcome.answer().spec.healthCheckNodePort).toBeUndefined();
    }
  });
  it('needed from now on', () => {
    const scenario = given(v4, service('web', { ...balancer, ...ports('80:30001') }));
    scenario.when(patch('web', { spec: { externalTrafficPolicy: 'Local' } })).then('port.allocated 3* dynamic health-check', 'service.updated shop/web');
    scenario.when(patch('web', { spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 30001 } })).thenRejected('health_check_port_refused', { port: 30001, detail: 'provided port is already allocated' });
  });
  it('cannot change while it is needed', () => stored().when(patch('web', { spec: { healthCheckNodePort: 30010 } })).thenInvalid('spec.healthCheckNodePort: Forbidden: field is immutable'));
  it('cannot become a node port in the request that gives it up', () =>
    stored().when(patch('web', { spec: { externalTrafficPolicy: 'Cluster', ports: [{ port: 80, nodePort: 30009 }] } })).thenInvalid(takenCause(0, 30009)));
});
