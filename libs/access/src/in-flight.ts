import type { IncomingMessage, ServerResponse } from 'node:http';

/** Bytes of bodies that are held at once; each request holds its own until it is answered. */
const bodyBytesMax = 256 * 1024 * 1024;
/** What a body counts for when its length is not announced: as much as any may have. */
const unknownBodyBytes = 3 * 1024 * 1024;

/** The requests that are in progress, and what their bodies hold. Whatever else is slow, memory has a bound. */
export class InFlight {
  private requests = 0;
  private bodyBytes = 0;

  constructor(private readonly limit: number) {}

  /** Counts a request until its connection or its answer ends. @returns undefined, or why there is no room for it */
  take(request: IncomingMessage, response: ServerResponse): string | undefined {
    const bytes = bodyBytesOf(request);
    if (this.requests >= this.limit) return `${this.requests} requests are in progress, which is the limit of this process; retry later`;
    if (this.bodyBytes + bytes > bodyBytesMax) return `the bodies of the requests in progress hold ${this.bodyBytes} bytes, and may hold ${bodyBytesMax}; retry later`;
    this.requests++;
    this.bodyBytes += bytes;
    response.once('close', () => {
      this.requests--;
      this.bodyBytes -= bytes;
    });
    return undefined;
  }
}

/** A length that is no number, or too large, is refused further on; here it counts as much as a body may have. */
const bodyBytesOf = ({ headers }: IncomingMessage): number => {
  const length = headers['content-length'];
  if (length === undefined) return headers['transfer-encoding'] === undefined ? 0 : unknownBodyBytes;
  return Math.min(Number(length) || 0, unknownBodyBytes);
};
