import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { eventSchemas } from '@ipledger/services';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { addressMessages, reachedMessage } from './address-record.js';
import { asyncApiDocument } from './asyncapi.js';
import { encodeEvent } from './cloud-event.js';
import { eventsOf } from './recorded.js';
import { TestLog } from './testing/commands.js';
import { topicsOf } from './topics.js';

const file = join(import.meta.dirname, 'asyncapi.yaml');
interface Document {
  channels: Record<string, { address: string; bindings: { kafka: { partitions: number; topicConfiguration: Record<string, unknown> } } }>;
  components: { messages: Record<string, { payload: { $ref?: string } }>; schemas: Record<string, object> };
}
const document = parse(readFileSync(file, 'utf8')) as Document;
const ajv = new Ajv2020({ allowUnionTypes: true });
addFormats.default(ajv);
const fits = (schema: string, value: unknown): string | true => ajv.validate(document.components.schemas[schema]!, value) || ajv.errorsText();

describe('the AsyncAPI document', () => {
  it('is one, all references included', async () => {
    const { document: parsed, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'), { source: file });
    expect(diagnostics.filter(({ severity }) => severity === 0).map(({ message, path }) => `${path.join('.')}: ${message}`)).toEqual([]);
    expect(parsed?.version()).toBe('3.0.0');
  });

  it('has every event, with the schema that the consumer checks', () => {
    const events = Object.entries(document.components.messages).filter(([, { payload }]) => payload.$ref?.includes('event-schema') === true);
    expect(events.map(([type]) => type).sort()).toEqual(Object.keys(eventSchemas).sort());
    for (const [type, { payload }] of events) expect(JSON.parse(readFileSync(join(import.meta.dirname, payload.$ref!), 'utf8'))).toEqual((eventSchemas as Record<string, object>)[type]);
  });

  it.each(['events', 'addresses'] as const)('says of %s what is made', (name) => {
    const { address, bindings: { kafka } } = document.channels[name]!;
    const topic = topicsOf('ipledger')[name];
    expect({ address, partitions: kafka.partitions }).toEqual({ address: topic.name, partitions: topic.partitions });
    for (const [setting, value] of Object.entries(kafka.topicConfiguration)) expect([setting, topic.settings[setting]]).toEqual([setting, [value].flat().map(String).join(',')]);
  });

  it('says of headers and records what is sent', () => {
    const command = new TestLog('blue').take('10.0.0.1');
    for (const event of eventsOf(command)) expect(fits('eventHeaders', encodeEvent(event).headers)).toBe(true);
    const [holder, reached] = addressMessages([command]);
    expect(fits('holder', JSON.parse(holder!.value!))).toBe(true);
    expect(fits('reached', JSON.parse(reached!.value!))).toBe(true);
    expect(fits('reached', JSON.parse(reachedMessage({ cluster: 'blue', epoch: 1, revision: 2, time: '2026-01-02T03:04:05Z' }).value!))).toBe(true);
    for (const { headers } of [holder!, reached!]) expect(fits('addressHeaders', headers)).toBe(true);
  });

  it('is served with references that resolve beside it', () => {
    const served = parse(asyncApiDocument()) as Document;
    expect(served.components.messages['ip.allocated.v1']?.payload.$ref).toBe('./schemas/ip.allocated.v1.schema.json');
    expect(asyncApiDocument()).not.toContain('../');
  });
});
