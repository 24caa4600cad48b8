import type { ServiceObject } from '../service.js';
import type { FieldSet } from './field-set.js';
import { compareFields, isPresent } from './service-fields.js';
import { shapes, type Shape } from './shape.js';

/**
 * The fields that whoever creates a Service owns, remembered by the shape of the manifest: which members, label keys and ports
 * it has, never what they say. Services come from a few templates, and making the set and its text anew cost a tenth of a create.
 */
const remembered = new Map<string, FieldSet>();
const texts = new WeakMap<FieldSet, string>();
const rememberedMax = 1_000;
/** A longer shape is not remembered, or a thousand bodies with giant keys would stay in memory. */
const shapeCharsMax = 2_000;

/** What `compareFields` finds when nothing was there before. The answer is shared: it must not be changed. */
export const fieldsOfNew = (next: ServiceObject): FieldSet => {
  const shape = `${shapeOfMembers(shapes.metadata, next.metadata)};${shapeOfMembers(shapes.spec, next.spec)}`;
  const known = remembered.get(shape);
  if (known !== undefined) return known;
  const { taken } = compareFields(undefined, next, 'status');
  if (shape.length > shapeCharsMax) return taken;
  if (remembered.size >= rememberedMax) remembered.clear();
  remembered.set(shape, taken);
  texts.set(taken, JSON.stringify(taken));
  return taken;
};

/** The JSON text of owned fields. */
export const fieldsText = (fields: unknown): string => texts.get(fields as FieldSet) ?? JSON.stringify(fields);

const shapeOfMembers = (fields: Readonly<Record<string, Shape>>, value: object): string => {
  let text = '';
  for (const name in fields) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (isPresent(member)) text += `,${name}${shapeOf(fields[name] as Shape, member)}`;
  }
  return text;
};

const shapeOf = (shape: Shape, value: unknown): string => {
  switch (shape.kind) {
    case 'leaf':
      return '';
    case 'struct':
      return `{${shapeOfMembers(shape.fields, value as object)}}`;
    case 'map':
      return JSON.stringify(Object.keys(value as object));
    case 'set':
      return JSON.stringify(value);
    case 'keyed': {
      const { keys, item } = shape;
      const shapeOfEntry = (entry: Readonly<Record<string, unknown>>): string => `${JSON.stringify(keys.map((key) => entry[key]))}${shapeOf(item, entry)}`;
      return `[${(value as Readonly<Record<string, unknown>>[]).map(shapeOfEntry).join()}]`;
    }
  }
};
