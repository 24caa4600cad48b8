/** Identities remembered; past that the one that was longest without a request is forgotten, and starts with a full bucket. */
const bucketsMax = 10_000;

/** A token bucket per identity: `perSecond` on average, `burst` at once. */
export class RateLimit {
  private readonly buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(private readonly perSecond: number, private readonly burst: number, private readonly now: () => number = () => performance.now()) {}

  /** Takes one request. @returns 0, or the whole seconds after which the next one can be taken */
  take(identity: string): number {
    const atMs = this.now();
    const bucket = this.buckets.get(identity);
    const tokens = bucket === undefined ? this.burst : Math.min(this.burst, bucket.tokens + ((atMs - bucket.atMs) / 1000) * this.perSecond);
    this.buckets.delete(identity); // to the end: the map is in the order of last use
    this.buckets.set(identity, { tokens: tokens < 1 ? tokens : tokens - 1, atMs });
    if (this.buckets.size > bucketsMax) this.buckets.delete(this.buckets.keys().next().value ?? '');
    return tokens < 1 ? Math.ceil((1 - tokens) / this.perSecond) : 0;
  }
}

/** Who sends from an address. Of IPv6 the /64: whoever has one address there has all of them. */
export const senderOf = (ip: string): string => {
  if (!ip.includes(':') || ip.includes('.')) return ip;
  const [head = '', tail] = ip.split('::');
  const [front, back] = [head === '' ? [] : head.split(':'), tail === undefined || tail === '' ? [] : tail.split(':')];
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => '0'), ...back].slice(0, 4).join(':');
};
