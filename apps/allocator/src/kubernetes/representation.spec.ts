import { yamlText } from './representation.js';
import { readYamlBytes } from './yaml-body.js';

describe('an object as YAML', () => {
  const text = { metadata: { annotations: { lines: 'x\n".": {}\n- ".": y\n', dot: '.', number: '1.' }, fields: { '.': {}, 'f:b': {}, 'f:a': {} } }, list: [{ '.': {} }] };

  it('has a lone dot as Go writes it, and every other text as it is, lines that look alike included', () => {
    expect(yamlText(JSON.stringify(text))).toBe(
      'list:\n- .: {}\nmetadata:\n  annotations:\n    dot: .\n    lines: |\n      x\n      ".": {}\n      - ".": y\n    number: "1."\n  fields:\n    .: {}\n    f:a: {}\n    f:b: {}\n');
  });

  it('is read as it was written', () => {
    expect(readYamlBytes(new TextEncoder().encode(yamlText(JSON.stringify(text))))).toEqual({ value: text, duplicates: [] });
  });
});
