import fc from 'fast-check';
import { encodeService } from '../codec/encode-service.js';
import type { Command } from '../commands.js';
import type { ServiceObject } from '../service.js';
import { externalName, forget, headless, imported, ips, ports, register, reserve, service, v4, v4v6 } from '../testing/commands.js';
import { history } from '../testing/histories.js';
import { contentsOf, given, Scenario } from '../testing/scenario.js';
import { parseDocument } from './document.js';

const A = '10.0.0.7';
const theirs = { uid: 'their-uid', creationTimestamp: '2024-05-06T07:08:09Z', resourceVersion: '987654' };
const running = (name: string, spec: object = {}, metadata: object = {}): ServiceObject => service(name, { ...ips(A), ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', ...spec }, { ...theirs, uid: `their-${name}`, ...metadata });

describe('importing', () => {
  it('keeps uid, times, addresses, node ports, families and status, and has a revision of ours', () => {
    const object = { ...running('web', { ...ips(A, 'fd00::7'), ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack', type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31000, ...ports('80:30080') }, { labels: { a: 'b' }, finalizers: ['a.b/c'] }), status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
    const outcome = given(v4v6).when(imported(object));
    outcome.then('ip.allocated 10.0.0.7 static', 'ip.allocated fd00::7 static', 'port.allocated 30080 static', 'port.allocated 31000 static health-check', 'service.created shop/web');
    expect(outcome.answer()).toEqual({ ...object, metadata: { ...object.metadata, namespace: 'shop', resourceVersion: '6' } });
  });
  it('takes headless ones and names without holding anything', () => {
    for (const spec of [headless, externalName]) given(v4).when(imported(service('web', spec, theirs))).then('service.created shop/web');
  });
  it('changes nothing the second time', () => given(v4, imported(running('web'))).when(imported(running('web'))).thenNothing());
  it('tries without changing anything', () => given(v4).when({ ...imported(running('web')), dryRun: true }).thenNothing());

  it.each<[why: string, object: ServiceObject, before: (Command | ServiceObject)[], conflicts: string[]]>([
    ['a held address', running('web'), [service('other', ips(A))], ['10.0.0.7 is held by another Service']],
    ['a reserved address', running('web'), [reserve('r', A)], ['10.0.0.7 is reserved as r']],
    ['an address outside', running('web', ips('10.9.9.9')), [], ['10.9.9.9 lies in no range of this cluster']],
    ['the network address', running('web', ips('10.0.0.0')), [], ['10.0.0.0 lies in no range of this cluster']],
    ['no address', service('web', {}, theirs), [], ['it has no spec.clusterIPs: an address is not chosen for it here']],
    ['a held port and one out of range', running('web', { type: 'NodePort', ...ports('80:30080', 'b=81:80') }), [service('other', { type: 'NodePort', ...ports('80:30080') })],
      ['port 30080: provided port is already allocated', 'port 80: provided port is not in the valid range. The range of valid ports is 30000-32767']],
    ['another Service of the name', running('web'), [service('web', ips('10.0.0.9'))], ['another Service has this name here, with uid uid-web']],
    ['the same one that differs', running('web', {}, { labels: { a: 'c' } }), [imported(running('web'))], ['it is here already, and differs']],
    ['no uid', service('web', ips(A), { creationTimestamp: '2024-05-06T07:08:09Z' }), [], ['it has no metadata.name, metadata.uid or metadata.creationTimestamp: export it from the cluster that runs it']],
  ])('is refused with %s, with every reason', (_, object, before, conflicts) =>
    given(v4, ...before).when(imported(object)).thenRejected('import_conflict', { name: 'web', conflicts }));
});

describe('following', () => {
  const following = given(v4v6, imported(running('web', { type: 'NodePort', ...ports('80:30080') })));
  it('takes and releases what has changed there', () => {
    following.when(imported(running('web', { ...ips(A, 'fd00::7'), ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack', type: 'NodePort', ...ports('80:30081') }), 'replace'))
      .then('ip.allocated fd00::7 static', 'port.released 30080 dropped', 'port.allocated 30081 static', 'service.updated shop/web');
    following.when(imported(service('web', externalName, { ...theirs, uid: 'their-web' }), 'replace')).then('ip.released 10.0.0.7 type-changed', 'port.released 30080 dropped', 'service.updated shop/web');
  });
  it('forgets what is gone there, finalizers or not, but not another one of the name', () => {
    const scenario = given(v4, imported(running('web', {}, { finalizers: ['a.b/c'] })));
    scenario.when(forget('web', 'another')).thenNothing();
    scenario.when(forget('web', 'their-web')).then('ip.released 10.0.0.7 deleted', 'service.deleted shop/web');
    scenario.when(forget('web', null)).then('ip.released 10.0.0.7 deleted', 'service.deleted shop/web');
    scenario.when(forget('none', null)).thenNothing();
  });
});

const portConflictsOnly = (open: ReadonlyMap<string, string>, here: Scenario): boolean => {
  const conflicts = [...open.values()].flatMap((text) => {
    const decision = here.decide(imported(parseDocument(text), 'replace'));
    return decision.outcome === 'rejected' && decision.rejection.code === 'import_conflict' ? decision.rejection.conflicts : ['no conflict'];
  });
  expect(conflicts.filter((reason) => !/^port \d+: provided port is (already allocated$|not in the valid range)/.test(reason))).toEqual([]);
  return false;
};

describe('law: a ledger that follows', () => {
  it('holds what the other one holds, whichever states it has seen', () => fc.assert(fc.property(history, fc.array(fc.boolean(), { minLength: 1 }), (commands, looks) => {
    const there = new Scenario();
    const here = new Scenario();
    const ranges = ['10.0.0.0/26', 'fd00::/122'];
    for (const scenario of [there, here]) scenario.after(register(ranges, { nodePortRange: '31000-31002' }));
    const look = (): void => {
      for (const [key, text] of here.documents) {
        const { metadata } = parseDocument(text);
        const other = there.documents.get(key);
        if (other === undefined || parseDocument(other).metadata.uid !== metadata.uid) here.after({ ...forget(metadata.name ?? '', metadata.uid ?? null), namespace: metadata.namespace ?? '' });
      }
      // What moves between Services must be given back before it is taken: again, until nothing is refused.
      const open = new Map(there.documents);
      for (let round = 0; open.size > 0; round++) {
        // Upstream lets a Service show a number that another one holds, or that lies in no range; such a cluster has a conflict that nobody may guess away.
        if (round > 10) return fc.pre(portConflictsOnly(open, here));
        for (const [key, text] of open) {
          const decision = here.decide(imported(parseDocument(text), 'replace'));
          if (decision.outcome === 'rejected') continue;
          here.happened(...decision.events);
          open.delete(key);
        }
      }
    };
    for (const [i, command] of commands.entries()) {
      if (command.type.includes('Cluster') || command.type.includes('Cidr') || command.type.includes('Reserv')) continue;
      const decision = there.decide(command);
      if (decision.outcome === 'accepted') there.happened(...decision.events);
      if (looks[i % looks.length]) look();
    }
    look();
    expect(contentsOf(here.state).taken).toEqual(contentsOf(there.state).taken);
    // Here every number that a Service shows is held; there, some that it shows are not (spec 6.1).
    expect([...here.state.ports]).toEqual(expect.arrayContaining([...there.state.ports]));
    const objects = (scenario: Scenario): unknown => [...scenario.documents].map(([key, text]) => [key, encodeService({ ...parseDocument(text), metadata: { ...parseDocument(text).metadata, resourceVersion: '' } })]).sort();
    expect(objects(here)).toEqual(objects(there));
  }), { numRuns: 1000 }));
});
