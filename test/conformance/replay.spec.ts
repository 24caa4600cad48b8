import fc from 'fast-check';
import { canonical } from './canonical.js';
import { isObject } from './json.js';
import type { Json } from './json.js';
import { possibleAnswers } from './playback.js';
import { replay } from './replay.js';
import type { Answer, Cluster, Failure } from './replay.js';
import { scenariosOf, topics } from './recordings.js';
import type { Scenario } from './recordings.js';

/** A cluster that gives these answers, whatever it is asked. */
const answering = (answers: Answer[]): Cluster => {
  const rest = answers.values();
  return {
    send: async () => rest.next().value ?? { status: 0, warnings: [], text: 'no more answers' },
    reconfigure: async () => {},
  };
};
const selfTestTimeoutMs = 120_000; // seconds on an idle machine
const small = (scenario: Scenario): boolean => scenario.cluster.includes('-');
const scenarios = topics.flatMap(scenariosOf).filter((scenario) => !small(scenario));

describe('replay of the recordings themselves', () => {
  it('takes the recorded answers with real values in place of the placeholders', { timeout: selfTestTimeoutMs }, async () => {
    const failures: (Failure | undefined)[] = [];
    for (const scenario of scenarios) failures.push(await replay(answering(possibleAnswers(scenario)), scenario));
    expect(failures.filter((failure) => failure)).toEqual([]);
    expect(failures.length).toBeGreaterThan(13_000);
  });

  it('reports any one value of any answer that is another', { timeout: selfTestTimeoutMs }, async () => {
    const anyScenario = fc.nat(scenarios.length - 1).map((index) => scenarios[index] as Scenario);
    const law = fc.asyncProperty(anyScenario, fc.nat(), fc.nat(), async (scenario, someStep, someLeaf) => {
      const step = scenario.steps[someStep % scenario.steps.length];
      // Where our service words its own text, and where the recording keeps nothing, there is nothing to report.
      fc.pre(step !== undefined && 'response' in step && step.response.body !== undefined && !step.response.ours);
      const index = scenario.steps.filter((s) => !('reconfigure' in s)).indexOf(step);
      const answers = possibleAnswers(scenario);
      const answer = answers[index] as Answer;
      const text = altered(answer.text, someLeaf);
      fc.pre(text !== undefined);
      answers[index] = { ...answer, text };
      expect(await replay(answering(answers), scenario)).toBeDefined();
    });
    await fc.assert(law, { numRuns: 2000 });
  });
});

/** A JSON text with one value changed to what no rule of the normal form allows; page tokens may be anything. */
const altered = (text: string, some: number): string | undefined => {
  const document = JSON.parse(text) as Json;
  const places = leavesOf(document).filter(([, key]) => key !== 'continue');
  const [parent, key] = places[some % places.length] ?? [];
  if (parent === undefined || key === undefined) return undefined;
  parent[key] = other(parent[key] as Json);
  return JSON.stringify(document);
};

type Place = [parent: Record<string, Json>, key: string];

const leavesOf = (value: Json): Place[] =>
  isObject(value) || Array.isArray(value)
    ? Object.entries(value).flatMap(([key, part]) =>
        isObject(part) || Array.isArray(part) ? leavesOf(part) : [[value as Record<string, Json>, key] satisfies Place],
      )
    : [];

const other = (value: Json): Json => {
  if (typeof value === 'number') return value + 100_000;
  return typeof value === 'string' ? `${value}x` : value === null ? 0 : !value;
};

describe('the rules of placeholders', () => {
  const uid = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;
  const service = (name: string, id: string, version: string, address: string, time: string): Json => ({
    kind: 'Service',
    metadata: { name, uid: id, resourceVersion: version, creationTimestamp: time },
    spec: { clusterIPs: [address], clusterIP: address, ports: [{ port: 80, nodePort: 30_500 }] },
  });
  const recorded = (name: string, n: number, version = n): Json => ({
    kind: 'Service',
    metadata: { name, uid: `$uid:${n}`, resourceVersion: `$rv:${version}`, creationTimestamp: `$time:${n}` },
    spec: { clusterIPs: [`$ip4:${n}`], clusterIP: `$ip4:${n}`, ports: [{ port: 80, nodePort: `$port:${n}` }] },
  });
  const create = (name: string, n: number) => ({
    request: { method: 'POST', path: '/services', body: { metadata: { name } } },
    response: { status: 201, body: recorded(name, n) },
  });
  const play = (answers: Json[], scenario: Scenario): Promise<Failure | undefined> =>
    replay(answering(answers.map((body) => ({ status: 201, warnings: [], text: JSON.stringify(body) }))), scenario);

  const one: Scenario = { name: 'one', cluster: 'v4', steps: [create('a', 1)] };
  const now = '2024-01-01T00:00:00Z';
  it.each([
    ['everything in order', service('a', uid(1), '7', '10.96.3.4', now), undefined],
    ['an address outside the range', service('a', uid(1), '7', '10.97.3.4', now), '.spec.clusterIPs[0]'],
    ['an address of the other family', service('a', uid(1), '7', 'fd00:10:96::5', now), '.spec.clusterIPs[0]'],
    ['a uid that is no UUID', service('a', 'abc', '7', '10.96.3.4', now), '.metadata.uid'],
    ['revision zero', service('a', uid(1), '0', '10.96.3.4', now), '.metadata.resourceVersion'],
    ['a time without a zone', service('a', uid(1), '7', '10.96.3.4', now.slice(0, -1)), '.metadata.creationTimestamp'],
  ])('one Service: %s', async (_, body, path) => {
    expect((await play([body], one))?.path).toBe(path && `.response.body${path}`);
  });

  const two: Scenario = { name: 'two', cluster: 'v4', steps: [create('a', 1), create('b', 2)] };
  const first = service('a', uid(1), '7', '10.96.3.4', now);
  it.each([
    ['the address of another live Service', service('b', uid(2), '8', '10.96.3.4', now), '.spec.clusterIPs[0]'],
    ['the uid of another Service', service('b', uid(1), '8', '10.96.3.5', now), '.metadata.uid'],
    ['the revision of another write', service('b', uid(2), '7', '10.96.3.5', now), '.metadata.resourceVersion'],
    ['the node port of another live Service', service('b', uid(2), '8', '10.96.3.5', now), '.spec.ports[0].nodePort'],
  ])('a second Service with %s', async (_, second, path) => {
    expect((await play([first, second], two))?.path).toBe(`.response.body${path}`);
  });

  it('lets a released address and port come again, as a new acquisition', async () => {
    const deleted = { kind: 'Status', details: { name: 'a', uid: uid(1) } };
    const gone = { kind: 'Status', details: { name: 'a', uid: '$uid:1' } };
    const remove = { request: { method: 'DELETE', path: '/services/a' }, response: { status: 200, body: gone } };
    const scenario: Scenario = { name: 'again', cluster: 'v4', steps: [create('a', 1), remove, create('b', 2)] };
    const texts = [first, deleted, service('b', uid(2), '8', '10.96.3.4', now)].map((body) => JSON.stringify(body));
    const answers = texts.map((text, i) => ({ status: i === 1 ? 200 : 201, warnings: [], text }));
    expect(await replay(answering(answers), scenario)).toBeUndefined();
  });

  it.each([
    [400, 'upstream', undefined],
    [422, 'ours', undefined],
    [422, 'neither', '.response.status'],
  ])('where ours differs, %i with reason %s gives %s', async (status, reason, path) => {
    const response = { status: 400, body: { reason: 'upstream' }, ours: { status: 422, body: { reason: 'ours' } } };
    const scenario: Scenario = { name: 'ours', cluster: 'v4', steps: [{ request: { method: 'GET', path: '/' }, response }] };
    const answers = [{ status, warnings: [], text: JSON.stringify({ reason, message: 'own words' }) }];
    if (reason === 'upstream') answers[0] = { status, warnings: [], text: JSON.stringify({ reason }) };
    expect((await replay(answering(answers), scenario))?.path).toBe(path);
  });
});

it.each([
  ['10.96.0.1', '10.96.0.1'],
  ['010.096.000.001', '10.96.0.1'], // Kubernetes reads leading zeros as decimal
  ['::ffff:10.96.0.1', '10.96.0.1'],
  ['FD00:10:96:0:0:0:0:1', 'fd00:10:96::1'],
  ['10.96.0', undefined],
  ['10.96.0.256', undefined],
  ['1:2', undefined],
  ['80', undefined],
])('the canonical text of %s is %s', (text, expected) => expect(canonical(text)).toBe(expected));
