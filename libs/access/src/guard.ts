import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Access, Unauthenticated } from './access.js';
import { ProviderUnavailable } from './oidc.js';
import { anonymous, may, type Identity } from './policy.js';
import { InFlight } from './in-flight.js';
import { RateLimit, senderOf } from './rate-limit.js';
import { forbiddenText, ruleOf, type RouteNames, type Rule } from './routes.js';
import { Streams, type StreamLimits } from './streams.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler runs; null only on routes that are open to everyone. */
    identity: Identity | null;
  }
}

/** Why a request may not go on. The app makes the answer, in the form of the surface that was asked. */
export class Refused extends Error {
  constructor(
    readonly reason: 'unauthenticated' | 'forbidden' | 'too_many_requests' | 'unavailable', message: string,
    readonly about: { name?: string; group?: string; resource?: string } | null = null, readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

export interface GuardSettings {
  /** `/metrics` for everybody. */
  openMetrics: boolean;
  /** Requests per second of one identity; null = no limit. */
  rateLimit: { perSecond: number; burst: number } | null;
  /** Wrong tokens from one address at once; a sixtieth of them a second from then on; 0 = no limit. */
  wrongTokenLimit: number;
  streams: StreamLimits;
  /** Requests in progress at once. */
  requestLimit: number;
}

/**
 * Stands before every route of a server: nobody gets past it without an identity, and with none that may not.
 * Must be installed before the routes; a path that no route takes needs an identity too.
 */
export class Guard {
  private readonly rules = new Map<string, Rule>();
  private readonly limit: RateLimit | undefined;
  private readonly wrongTokens: RateLimit | undefined;
  private readonly streams: Streams;
  private readonly inFlight: InFlight;

  constructor(readonly access: Access, private readonly settings: GuardSettings) {
    if (settings.rateLimit !== null) this.limit = new RateLimit(settings.rateLimit.perSecond, settings.rateLimit.burst);
    if (settings.wrongTokenLimit > 0) this.wrongTokens = new RateLimit(settings.wrongTokenLimit / 60, settings.wrongTokenLimit);
    this.streams = new Streams(settings.streams);
    this.inFlight = new InFlight(settings.requestLimit);
    access.onReload = () => void this.streams.sweep();
  }

  /** @param answer sends what a request that is refused gets */
  install(fastify: FastifyInstance, answer: (refused: Refused, request: FastifyRequest, reply: FastifyReply) => void): void {
    fastify.decorateRequest('identity', null);
    fastify.addHook('onRequest', (request, reply, done) => {
      const rule = this.ruleOf(request);
      if (rule.need === 'everyone') return done();
      const identified = this.access.identify(request.raw);
      const go = (found: Identity | Unauthenticated): void => {
        const refused = this.admit(found, rule, request, reply);
        if (refused === undefined) done();
        else answer(refused, request, reply);
      };
      if (identified instanceof Promise) identified.then(go).catch((error: unknown) => (error instanceof ProviderUnavailable ? answer(new Refused('unavailable', error.message, null, 5), request, reply) : done(error as Error)));
      else go(identified);
    });
  }

  stop(): void {
    this.streams.stop();
    this.inFlight.stop();
    this.access.stop();
  }

  private ruleOf({ method, routeOptions: { url } }: FastifyRequest): Rule {
    const key = `${method} ${url}`;
    let rule = this.rules.get(key);
    if (rule === undefined) {
      rule = url === undefined ? { need: 'authenticated', attributes: null } : this.settings.openMetrics && /^\/metrics(\/|$)/.test(url) ? { need: 'everyone', attributes: null } : ruleOf(method, url);
      this.rules.set(key, rule); // one per route and method
    }
    return rule;
  }

  private admit(found: Identity | Unauthenticated, rule: Rule, request: FastifyRequest, reply: FastifyReply): Refused | undefined {
    if (found instanceof Unauthenticated) return this.turnDown(found, request);
    const waitSeconds = this.limit?.take(found === anonymous ? request.ip : found.user) ?? 0;
    if (waitSeconds > 0) return new Refused('too_many_requests', `${found.user} sends more than ${this.settings.rateLimit?.perSecond} requests a second; retry later`, null, waitSeconds);
    const impersonated = found === anonymous ? undefined : request.headers['impersonate-user'];
    if (impersonated !== undefined)
      return new Refused('forbidden', `User ${JSON.stringify(found.user)} cannot impersonate resource "users" in API group "" at the cluster scope`, { name: String(impersonated), resource: 'users' });
    const names = request.params as RouteNames;
    const isStream = opensStream(request);
    if (!may(found, rule.need, names)) return forbidden(found, rule, names, request, isStream);
    request.identity = found;
    if (isStream) return this.openStream(found, rule, names, request, reply);
    const crowded = this.inFlight.take(request.raw, reply.raw);
    return crowded === undefined ? undefined : new Refused('too_many_requests', crowded, null, 1);
  }

  /** Good tokens are never counted, so behind one address the many with good ones do not suffer from the one with a wrong one. */
  private turnDown({ message, isWrong }: Unauthenticated, { ip }: FastifyRequest): Refused {
    const waitSeconds = isWrong ? this.wrongTokens?.take(senderOf(ip)) ?? 0 : 0;
    return waitSeconds === 0 ? new Refused('unauthenticated', message)
      : new Refused('too_many_requests', `more than ${this.settings.wrongTokenLimit} tokens that are not accepted came from ${ip}; retry later`, null, waitSeconds);
  }

  private openStream(identity: Identity, rule: Rule, names: RouteNames, request: FastifyRequest, reply: FastifyReply): Refused | undefined {
    const release = this.streams.add({
      user: identity === anonymous ? request.ip : identity.user,
      mayGoOn: async () => {
        const found = await this.access.identify(request.raw);
        return !(found instanceof Unauthenticated) && may(found, rule.need, names);
      },
      end: () => reply.raw.destroy(),
    });
    if (typeof release === 'string') return new Refused('too_many_requests', release, null, 1);
    reply.raw.on('close', release);
    return undefined;
  }
}

/** On a route that is open to everyone nobody was asked, so nobody may do anything. */
const nobody: Identity = { ...anonymous, grants: [] };

/** Who sent a request that was let in. */
export const identityOf = (request: FastifyRequest): Identity => request.identity ?? nobody;

/** Watches, followed logs, and runs of lines that are answered while they come. */
const opensStream = ({ method, url, headers }: FastifyRequest): boolean => {
  if (method === 'POST') return headers['content-type']?.toLowerCase().startsWith('application/x-ndjson') === true;
  const at = url.indexOf('?');
  if (method !== 'GET' || at < 0) return false;
  const query = new URLSearchParams(url.slice(at + 1));
  return isSet(query.get('watch')) || isSet(query.get('follow'));
};

/** Any text but `0` and `false` is true, as in every flag of a query. */
const isSet = (flag: string | null): boolean => flag !== null && flag !== '0' && flag.toLowerCase() !== 'false';

const forbidden = (identity: Identity, rule: Rule, names: RouteNames, { method, url }: FastifyRequest, isWatch: boolean): Refused => {
  const message = forbiddenText(identity, rule, names, { method, path: url.split('?', 1)[0] ?? url, isWatch });
  const { attributes } = rule;
  return new Refused('forbidden', message, attributes && { group: attributes.group, resource: attributes.resource, ...(names.name !== undefined && { name: names.name }) });
};
