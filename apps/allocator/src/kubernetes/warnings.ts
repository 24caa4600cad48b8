import type { FastifyReply } from 'fastify';

const charsInFullMax = 4096;
const charsEachWhenCut = 256;

/**
 * Adds one `Warning` header per text, each text once. Long lists are cut as upstream cuts them.
 * @see spec 7.1; k8s.io/apiserver/pkg/endpoints/filters/warning.go; RFC 7234 5.5
 */
export const sendWarnings = (reply: FastifyReply, texts: readonly string[]): void => {
  if (texts.length === 0) return;
  const headers = fitting([...new Set(texts)].filter(isHeaderText)).map(warningHeader);
  if (headers.length > 0) reply.header('warning', headers);
};

const fitting = (texts: readonly string[]): string[] => {
  if (total(texts) <= charsInFullMax) return [...texts];
  const kept: string[] = [];
  for (const text of texts) {
    const cut = [...text].slice(0, charsEachWhenCut).join('');
    if (total(kept) + cut.length > charsInFullMax) break;
    kept.push(cut);
  }
  return kept;
};

const total = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0);

/** A control character cannot stand in a header: upstream drops such a warning. */
const isHeaderText = (text: string): boolean => !/\p{Cc}/u.test(text);

/** Node writes headers as Latin-1: the bytes of the UTF-8 text have to be given as such. */
const warningHeader = (text: string): string =>
  Buffer.from(`299 - "${text.replace(/[\\"]/g, '\\$&')}"`, 'utf8').toString('latin1');
