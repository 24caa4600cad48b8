import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { encodeEvents, type Event } from '../events.js';
import { history } from '../testing/histories.js';
import { lbHistory, sharedHistory } from '../testing/lb-histories.js';
import { Scenario } from '../testing/scenario.js';
import { eventMajor, eventSchemaId, eventSchemas } from './schemas.js';
import { upcast, type Upcaster } from './upcast.js';

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
addFormats.default(ajv);
const validators = new Map(Object.entries(eventSchemas).map(([type, schema]) => [type, ajv.compile(schema)]));
/** Why the data does not fit; [] when it does. */
const problemsOf = (wireType: string, data: unknown): string[] => {
  const validate = validators.get(wireType);
  if (validate === undefined) return [`no schema for ${wireType}`];
  return validate(data) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
};
const files = readdirSync(import.meta.dirname);
/** One of each event and version ever written: these files are never changed. */
const golden = files.filter((name) => name.endsWith('.golden.json'))
  .map((name) => ({ name, wireType: name.replace('.golden.json', ''), event: JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as Event }));

describe('the contract of every event', () => {
  it('has a schema and a golden file for each type and version, named after it', () => {
    const schemas = files.filter((name) => name.endsWith('.schema.json')).map((name) => name.replace('.schema.json', ''));
    expect(schemas.sort()).toEqual(Object.keys(eventSchemas).sort());
    expect(golden.map(({ wireType }) => wireType).sort()).toEqual(Object.keys(eventSchemas).sort());
    for (const { wireType, event } of golden) expect(wireType).toMatch(new RegExp(`^${event.type.replaceAll('.', '\\.')}\\.v\\d+$`));
  });

  it.each(Object.entries(eventSchemas))('%s has a schema that is one, with an id of its own', (type, schema) => {
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(schema.$id).toMatch(new RegExp(`^urn:ipledger:event:${type.replace(/\.v\d+$/, '').replaceAll('.', '\\.')}:${eventMajor}\\.\\d+$`));
    expect(eventSchemaId(type.replace(/\.v\d+$/, ''))).toBe(schema.$id);
  });

  it.each(golden)('$name fits the newest schema once it has gone through the chain', ({ wireType, event }) => {
    const newest = upcast({ wireType, data: event.data });
    expect(problemsOf(newest.wireType, newest.data)).toEqual([]);
  });

  it.each(golden.filter(({ event }) => Object.keys(event.data).length > 0))('$name lacking any one member fits no longer', ({ wireType, event }) => {
    for (const member of Object.keys(event.data)) {
      const { [member]: _, ...rest } = event.data as Record<string, unknown>;
      expect(problemsOf(wireType, rest), member).not.toEqual([]);
    }
  });

  it.each(golden)('$name with a member of a later minor version still fits', ({ wireType, event }) => {
    expect(problemsOf(wireType, { ...event.data, later: 1 })).toEqual([]);
  });

  it('holds for every event of random histories', () => {
    const seen = new Set<string>();
    fc.assert(fc.property(fc.oneof(history, lbHistory, sharedHistory), (commands) => {
      const scenario = new Scenario();
      for (const command of commands) {
        const decision = scenario.decide(command.type === 'AttachLoadBalancer' ? { ...command, wait: scenario.state.services.get(`shop/${command.name}`) ?? 0 } : command);
        if (decision.outcome === 'accepted') scenario.happened(...decision.events);
      }
      for (const event of JSON.parse(encodeEvents(scenario.log)) as Event[]) {
        seen.add(event.type);
        expect(problemsOf(`${event.type}.v${eventMajor}`, event.data), JSON.stringify(event)).toEqual([]);
      }
    }), { numRuns: 3_000 });
    expect([...seen].map((type) => `${type}.v${eventMajor}`).sort()).toEqual(Object.keys(eventSchemas).sort());
  });
});

describe('upcast', () => {
  const steps: Record<string, Upcaster> = {
    'a.b.v1': (data) => ({ wireType: 'a.b.v2', data: { ...(data as object), two: true } }),
    'a.b.v2': (data) => ({ wireType: 'a.c.v1', data: { ...(data as object), renamed: true } }),
  };
  it.each([
    ['from the oldest through every step', 'a.b.v1', { wireType: 'a.c.v1', data: { one: 1, two: true, renamed: true } }],
    ['from the middle through the rest', 'a.b.v2', { wireType: 'a.c.v1', data: { one: 1, renamed: true } }],
    ['the newest not at all', 'a.c.v1', { wireType: 'a.c.v1', data: { one: 1 } }],
    ['the unknown not at all', 'x.y.v9', { wireType: 'x.y.v9', data: { one: 1 } }],
  ])('takes an event %s', (_, wireType, expected) => {
    expect(upcast({ wireType, data: { one: 1 } }, steps)).toEqual(expected);
  });
});

describe('docs/events.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../../docs/events.md'), 'utf8');
  it.each(golden)('shows $name as it is, with what its schema says', ({ name, event, wireType }) => {
    const file = readFileSync(join(import.meta.dirname, name), 'utf8').trimEnd();
    const { description } = (eventSchemas as unknown as Record<string, { description: string }>)[wireType]!;
    expect(text).toContain(`## ${event.type}\n\n${description}\n\n\`\`\`json\n${file}\n\`\`\`\n`);
  });
});
