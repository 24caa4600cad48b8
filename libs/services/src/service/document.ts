import type { Family } from '@ipledger/ip';
import { decodeService } from '../codec/decode-service.js';
import { encodeService } from '../codec/encode-service.js';
import { readJson } from '../codec/json-reader.js';
import type { ServiceObject } from '../service.js';
import { applyReadDefaults, mayReadDifferently } from './read-defaults.js';

/** A stored document as an object. @throws when the text is none of ours: the store is damaged */
export const parseDocument = (text: string): ServiceObject => {
  const json = readJson(text);
  const decoded = 'failure' in json ? json : decodeService(json.value, json.duplicates);
  if ('failure' in decoded) throw new Error(`a stored Service cannot be read: ${decoded.failure}: ${text.slice(0, 200)}`);
  return decoded.service;
};

/** The text of a stored document as readers see it. */
export const readDocument = (text: string, primary: Family): string =>
  mayReadDifferently(text) ? encodeService(applyReadDefaults(parseDocument(text), primary)) : text;

/** Copies what decisions change, so that a command can be decided again from the same object. */
export const copyService = (service: ServiceObject): ServiceObject => ({
  ...service,
  metadata: { ...service.metadata },
  spec: { ...service.spec, ...(service.spec.ports && { ports: service.spec.ports.map((port) => ({ ...port })) }) },
  status: { ...service.status },
});
