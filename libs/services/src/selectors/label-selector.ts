import { invalid } from '../field-error.js';
import type { StringMap } from '../service.js';
import { labelValueProblems, qualifiedNameProblems } from '../validation/formats.js';

/** Whether an object with these labels is selected. */
export type LabelMatcher = (labels: StringMap) => boolean;

/**
 * Reads a label selector: `k=v`, `k==v`, `k!=v`, `k in (a,b)`, `k notin (a)`, `k`, `!k`, `k>1`, `k<1`, joined by commas.
 * @returns `failure` in upstream's words when it cannot be read
 * @see k8s.io/apimachinery/pkg/labels/selector.go, Kubernetes v1.37.2
 */
export const parseLabelSelector = (text: string): { matches: LabelMatcher } | { failure: string } => {
  try {
    const requirements = new LabelParser(scan(text)).parse();
    return { matches: (labels) => requirements.every((matches) => matches(labels)) };
  } catch (error) {
    if (error instanceof Unreadable) return { failure: error.message };
    throw error;
  }
};

class Unreadable extends Error {}

type Kind = 'identifier' | 'end' | '(' | ')' | ',' | '!' | '=' | '==' | '!=' | '>' | '<' | 'in' | 'notin' | 'error';
interface Token {
  kind: Kind;
  text: string;
}

const special = /[=!(),<>]/;
const operators = new Set<string>(['(', ')', ',', '!', '=', '==', '!=', '>', '<']);

const scan = (text: string): Token[] => {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const c = text[at] as string;
    if (/[ \t\r\n]/.test(c)) at++;
    else if (special.test(c)) {
      const two = text.slice(at, at + 2);
      const symbol = operators.has(two) ? two : c;
      tokens.push({ kind: symbol as Kind, text: symbol });
      at += symbol.length;
    } else {
      const word = /^[^=!(),<> \t\r\n]+/.exec(text.slice(at))?.[0] ?? c;
      tokens.push({ kind: word === 'in' || word === 'notin' ? word : 'identifier', text: word });
      at += word.length;
    }
  }
  return [...tokens, { kind: 'end', text: '' }];
};

/** `in` and `notin` are ordinary words wherever a key or a value stands. */
const asWord = (token: Token): Token => (token.kind === 'in' || token.kind === 'notin' ? { ...token, kind: 'identifier' } : token);

class LabelParser {
  private at = 0;
  constructor(private readonly tokens: readonly Token[]) {}

  parse(): LabelMatcher[] {
    const requirements: LabelMatcher[] = [];
    for (;;) {
      const next = this.peek();
      if (next.kind === 'end') return requirements;
      if (next.kind !== 'identifier' && next.kind !== '!') throw new Unreadable(`found '${next.text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.requirement());
      const after = this.take();
      if (after.kind === 'end') return requirements;
      if (after.kind !== ',') throw new Unreadable(`found '${after.text}', expected: ',' or 'end of string'`);
      const following = this.peek();
      if (following.kind !== 'identifier' && following.kind !== '!') throw new Unreadable(`found '${following.text}', expected: identifier after ','`);
    }
  }

  private requirement(): LabelMatcher {
    try {
      return this.readRequirement();
    } catch (error) {
      throw error instanceof Unreadable ? new Unreadable(`unable to parse requirement: ${error.message}`) : error;
    }
  }

  private readRequirement(): LabelMatcher {
    const negated = this.peek().kind === '!';
    if (negated) this.take();
    const key = this.take();
    if (key.kind !== 'identifier') throw new Unreadable(`found '${key.text}', expected: identifier`);
    refuseKey(key.text);
    if (negated) return ({ [key.text]: value }) => value === undefined;
    if (this.peek().kind === 'end' || this.peek().kind === ',') return ({ [key.text]: value }) => value !== undefined;
    return this.comparison(key.text);
  }

  private comparison(key: string): LabelMatcher {
    const operator = this.tokens[this.at++] as Token;
    switch (operator.kind) {
      case 'in':
      case 'notin': {
        const values = this.values();
        refuseValues(key, values);
        return (labels) => (labels[key] !== undefined && values.includes(labels[key])) === (operator.kind === 'in');
      }
      case '=':
      case '==':
      case '!=': {
        const value = this.value();
        refuseValues(key, [value]);
        return (labels) => (labels[key] === value) === (operator.kind !== '!=');
      }
      case '>':
      case '<':
        return greaterOrLess(key, operator.kind, this.value());
      default:
        throw new Unreadable(`found '${operator.text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  private values(): string[] {
    const open = this.take();
    if (open.kind !== '(') throw new Unreadable(`found '${open.text}' expected: '('`);
    const first = this.peek();
    if (first.kind === ')') {
      this.take();
      return [''];
    }
    if (first.kind !== 'identifier' && first.kind !== ',') throw new Unreadable(`found '${first.text}', expected: ',', ')' or identifier`);
    return this.list();
  }

  /** A comma stands for an empty value where no word is next to it. */
  private list(): string[] {
    const values = new Set<string>();
    for (;;) {
      const token = this.take();
      const next = this.peek();
      if (token.kind === 'identifier') {
        values.add(token.text);
        if (next.kind !== ',' && next.kind !== ')') throw new Unreadable(`found '${next.text}', expected: ',' or ')'`);
      } else if (token.kind === ',') {
        if (values.size === 0 || next.kind === ')' || next.kind === ',') values.add('');
      } else throw new Unreadable(`found '${token.text}', expected: ',', or identifier`);
      if (next.kind !== ')') continue;
      this.take();
      return [...values].sort();
    }
  }

  private value(): string {
    const next = this.peek();
    if (next.kind === 'end' || next.kind === ',') return '';
    this.take();
    if (next.kind !== 'identifier') throw new Unreadable(`found '${next.text}', expected: identifier`);
    return next.text;
  }

  private peek(): Token {
    return asWord(this.tokens[this.at] ?? { kind: 'end', text: '' });
  }
  private take(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }
}

/** The path is upstream's: a key is checked without one, and that prints as `<nil>`. */
const refuseKey = (key: string): void => {
  const messages = qualifiedNameProblems(key);
  if (messages.length > 0) throw new Unreadable(print('<nil>', key, messages.join('; ')));
};

const refuseValues = (key: string, values: readonly string[]): void => {
  const errors = values.flatMap((value, i) => {
    const messages = labelValueProblems(value);
    return messages.length === 0 ? [] : [print(`values[${i}][${key}]`, value, messages.join('; '))];
  });
  if (errors.length > 0) throw new Unreadable(errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`);
};

const greaterOrLess = (key: string, operator: '>' | '<', value: string): LabelMatcher => {
  if (!/^[+-]?\d+$/.test(value)) throw new Unreadable(print('values[0]', value, "for 'Gt', 'Lt' operators, the value must be an integer"));
  refuseValues(key, [value]);
  return ({ [key]: label }) =>
    label !== undefined && /^[+-]?\d+$/.test(label) && (operator === '>' ? BigInt(label) > BigInt(value) : BigInt(label) < BigInt(value));
};

const print = (path: string, value: string, detail: string): string => {
  const { field, message } = invalid(path, value, detail);
  return `${field}: ${message}`;
};
