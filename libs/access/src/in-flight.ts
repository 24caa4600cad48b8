import type { IncomingMessage, ServerResponse } from 'node:http';

/** Bytes of bodies that are held at once; each request holds its own until it is answered. */
const bodyBytesMax = 256 * 1024 * 1024;
/** How long a body may take to arrive. */
const arrivalMsMaxDefault = 60_000;
/** What a body counts for when its length is not announced: as much as any may have. */
const unknownBodyBytes = 3 * 1024 * 1024;

/** The requests that are in progress, and what their bodies hold. Whatever else is slow, memory has a bound. */
export class InFlight {
  private readonly requests = new Map<IncomingMessage, number>();
  private bodyBytes = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly limit: number, private readonly arrivalMsMax = arrivalMsMaxDefault) {
    this.timer = setInterval(() => this.endSlow(), Math.min(arrivalMsMax, 5_000));
    this.timer.unref();
  }

  /** Counts a request until its connection or its answer ends. @returns undefined, or why there is no room for it */
  take(request: IncomingMessage, response: ServerResponse): string | undefined {
    const bytes = bodyBytesOf(request);
    if (this.requests.size >= this.limit) return `${this.requests.size} requests are in progress, which is the limit of this process; retry later`;
    if (this.bodyBytes + bytes > bodyBytesMax) return `the bodies of the requests in progress hold ${this.bodyBytes} bytes, and may hold ${bodyBytesMax}; retry later`;
    this.requests.set(request, performance.now());
    this.bodyBytes += bytes;
    response.once('close', () => {
      this.requests.delete(request);
      this.bodyBytes -= bytes;
    });
    return undefined;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Node's own bound is for the whole server, and would end the streams of lines that may take hours. */
  private endSlow(): void {
    const sinceMs = performance.now() - this.arrivalMsMax;
    for (const [request, atMs] of this.requests) {
      if (atMs > sinceMs) return; // in the order of their arrival
      if (request.complete) continue;
      if (request.listenerCount('error') > 0) request.emit('error', new TooSlow('the body did not arrive in time; send the request again'));
      else request.destroy(); // nobody reads it, so nobody would answer
    }
  }
}

/** Whoever reads the body answers with its code. */
class TooSlow extends Error {
  readonly statusCode = 408;
}

/** A length that is no number, or too large, is refused further on; here it counts as much as a body may have. */
const bodyBytesOf = ({ headers }: IncomingMessage): number => {
  const length = headers['content-length'];
  if (length === undefined) return headers['transfer-encoding'] === undefined ? 0 : unknownBodyBytes;
  return Math.min(Number(length) || 0, unknownBodyBytes);
};
