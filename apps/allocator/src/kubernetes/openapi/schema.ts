/** A schema in the few forms that the definitions need; rendered for OpenAPI v2 and v3, which differ in small ways. */
export interface Schema {
  type?: 'string' | 'integer' | 'boolean' | 'array' | 'object';
  format?: string;
  description?: string;
  /** Name of a definition. */
  ref?: string;
  /** Of a list. */
  items?: Schema;
  /** Of a map. */
  values?: Schema;
  /** Values that are taken; said in v3 only, since clients of v2 would check them themselves. */
  enum?: readonly string[];
  required?: readonly string[];
  properties?: Readonly<Record<string, Schema>>;
  /** `x-kubernetes-…` */
  extensions?: Readonly<Record<string, unknown>>;
}

export const core = (name: string): string => `io.k8s.api.core.v1.${name}`;
export const networking = (name: string): string => `io.k8s.api.networking.v1.${name}`;
export const meta = (name: string): string => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`;
export const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

export const text = (description: string, values?: readonly string[]): Schema => ({ type: 'string', description, ...(values && { enum: values }) });
export const int32 = (description: string): Schema => ({ type: 'integer', format: 'int32', description });
export const int64 = (description: string): Schema => ({ type: 'integer', format: 'int64', description });
export const flag = (description: string): Schema => ({ type: 'boolean', description });
export const ref = (name: string, description?: string): Schema => ({ ref: name, ...(description !== undefined && { description }) });
export const textMap = (description: string, extensions?: Schema['extensions']): Schema => ({ type: 'object', values: { type: 'string' }, description, ...(extensions && { extensions }) });
export const object = (description: string, properties: Schema['properties'], required?: readonly string[]): Schema => ({
  type: 'object', description, properties: properties ?? {}, ...(required && { required }),
});
export const ofKind = (group: string, kind: string, schema: Schema): Schema => ({
  ...schema, extensions: { ...schema.extensions, 'x-kubernetes-group-version-kind': [{ group, kind, version: 'v1' }] },
});

/** A list that is replaced as a whole. */
export const atomicList = (items: Schema, description: string): Schema => ({ type: 'array', items, description, extensions: { 'x-kubernetes-list-type': 'atomic' } });
export const atomicTexts = (description: string, values?: readonly string[]): Schema => atomicList({ type: 'string', ...(values && { enum: values }) }, description);
/** A list whose entries are told apart by members. Server-side apply goes by all of them, a strategic patch by the first. */
export const keyedList = (items: Schema, description: string, keys: readonly string[]): Schema => ({
  type: 'array', items, description,
  extensions: {
    'x-kubernetes-list-map-keys': keys, 'x-kubernetes-list-type': 'map', 'x-kubernetes-patch-merge-key': keys[0], 'x-kubernetes-patch-strategy': 'merge',
  },
});

export type Json = Record<string, unknown>;

/** @param version v3 wants a reference with siblings wrapped, and may say which values are taken */
export const render = (schema: Schema, version: 2 | 3): Json => {
  const { ref: target, items, values, enum: allowed, properties, extensions, ...plain } = schema;
  const rendered: Json = {
    ...plain,
    ...(allowed && version === 3 && { enum: allowed }),
    ...(items && { items: render(items, version) }),
    ...(values && { additionalProperties: render(values, version) }),
    ...(properties && { properties: renderAll(properties, version) }),
    ...extensions,
  };
  if (target === undefined) return rendered;
  const reference = { $ref: `#/${version === 2 ? 'definitions' : 'components/schemas'}/${target}` };
  if (version === 2) return { ...reference, ...rendered };
  return Object.keys(rendered).length === 0 ? reference : { ...rendered, allOf: [reference] };
};

export const renderAll = (schemas: Readonly<Record<string, Schema>>, version: 2 | 3): Record<string, Json> =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, render(schema, version)]));
