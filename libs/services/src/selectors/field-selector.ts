/** The fields of a Service that can be selected by. */
export interface SelectableFields {
  'metadata.name': string;
  'metadata.namespace': string;
  'spec.clusterIP': string;
  'spec.type': string;
}
export type FieldMatcher = (fields: SelectableFields) => boolean;

/**
 * Reads a field selector: `field=value`, `field==value`, `field!=value`, joined by commas; `\` escapes `\`, `,` and `=`.
 * @returns `failure` in upstream's words when it cannot be read, or names another field
 * @see k8s.io/apimachinery/pkg/fields/selector.go, Kubernetes v1.37.2
 */
export const parseFieldSelector = (text: string): { matches: FieldMatcher } | { failure: string } => {
  const terms: FieldMatcher[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term === '') continue;
    const match = /!=|==|=/.exec(term);
    if (match === null) return { failure: `invalid selector: '${text}'; can't understand '${term}'` };
    const field = term.slice(0, match.index);
    const value = unescape(term.slice(match.index + match[0].length));
    if ('failure' in value) return value;
    if (field === '' && value.text === '') continue; // Upstream takes a bare operator for a selector of everything.
    if (!isSelectable(field)) return { failure: `field label not supported: ${field}` };
    const wanted = match[0] !== '!=';
    terms.push((fields) => (fields[field] === value.text) === wanted);
  }
  return { matches: (fields) => terms.every((matches) => matches(fields)) };
};

const isSelectable = (field: string): field is keyof SelectableFields =>
  ['metadata.name', 'metadata.namespace', 'spec.clusterIP', 'spec.type'].includes(field);

const splitTerms = (text: string): string[] => {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...terms, text.slice(start)];
};

const unescape = (text: string): { text: string } | { failure: string } => {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === '\\') {
      const escaped = text[++i];
      if (escaped !== '\\' && escaped !== ',' && escaped !== '=') return { failure: `invalid field selector: invalid escape sequence: \\${escaped ?? ''}` };
      out += escaped;
    } else if (c === ',' || c === '=') return { failure: `invalid field selector: unescaped character in value: ${c.charCodeAt(0)}` };
    else out += c;
  }
  return { text: out };
};
