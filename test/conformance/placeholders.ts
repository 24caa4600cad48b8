import { isObject, withoutPrototype } from './json.js';
import type { Json } from './json.js';

export type Kind = 'uid' | 'rv' | 'listrv' | 'time' | 'gen' | 'ip4' | 'ip6' | 'port' | 'continue';

const anyPlaceholder = /\$(uid|rv|listrv|time|gen|ip4|ip6|port|continue):\d+/g;

/** Which placeholder stands for which real value in one scenario, both ways. */
export class Placeholders {
  readonly #count = new Map<Kind, number>();
  readonly #real = new Map<string, Json>(); // placeholder -> real value
  readonly #text = new Map<string, string>(); // real text -> placeholder: uids, addresses, ports, generated names, tokens
  #finder: RegExp | undefined; // of every known text; undefined when a text was added since
  #shortest = Infinity;

  /** The placeholder of a text that was bound, for the latest value it was bound as. */
  of(text: string): string | undefined {
    return this.#text.get(text);
  }

  /** The next placeholder of its kind. */
  bind(kind: Kind, value: Json): string {
    const number = (this.#count.get(kind) ?? 0) + 1;
    this.#count.set(kind, number);
    const placeholder = `$${kind}:${number}`;
    this.#real.set(placeholder, value);
    return placeholder;
  }

  /** As `bind`; the value is recognised inside texts from now on. */
  bindText(kind: Kind, value: string | number): string {
    const placeholder = this.bind(kind, value);
    this.learn(String(value), placeholder);
    return placeholder;
  }

  learn(text: string, normal: string): void {
    this.#text.set(text, normal);
    this.#shortest = Math.min(this.#shortest, text.length);
    this.#finder = undefined;
  }

  /** Known values inside a longer text: messages, table cells, tokens. */
  substitute(text: string): string {
    if (text.length < this.#shortest) return text; // most texts: saves most of the time of a replay
    this.#finder ??= new RegExp([...this.#text.keys()].sort((a, b) => b.length - a.length).map(whole).join('|'), 'g');
    return text.replace(this.#finder, (found) => this.#text.get(found) ?? found);
  }

  /** The real value of a recorded one; a placeholder that is not bound stays. A whole port becomes a number. */
  expand(value: Json): Json {
    if (Array.isArray(value)) return value.map((item) => this.expand(item));
    if (isObject(value)) {
      const real = withoutPrototype(value);
      for (const key of Object.keys(real)) real[key] = this.expand(value[key] as Json);
      return real;
    }
    if (typeof value !== 'string' || !value.includes('$')) return value;
    if (value.startsWith('$port:') && this.#real.has(value)) return Number(this.#real.get(value));
    return value.replace(anyPlaceholder, (found) => String(this.#real.get(found) ?? found));
  }
}

/** A whole number, or a whole word in the sense of addresses and names. */
const whole = (known: string): string =>
  /^\d+$/.test(known)
    ? `(?<!\\d)${known}(?!\\d)`
    : `(?<![0-9a-zA-Z.:])${known.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}(?![0-9a-zA-Z]|\\.\\d|:[0-9a-f])`;
