import type { Tags } from 'yaml';

/** The library takes a number to need no digit. Go does not, and has a lone dot for a text: managedFields are full of keys that are one. */
export const numbersWithDigits = (tags: Tags): Tags =>
  tags.map((tag) => (typeof tag === 'object' && 'test' in tag && tag.test?.test('.') === true ? ({ ...tag, test: new RegExp(`^(?=.*\\d)(?:${tag.test.source})`) } as typeof tag) : tag));
