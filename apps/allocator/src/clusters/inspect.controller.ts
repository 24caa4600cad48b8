import type { EventStore } from '@ipledger/event-store';
import { formatAddress, parseAddress, type Family } from '@ipledger/ip';
import { eventsOf, recordedCommand, type RecordedEvent } from '@ipledger/messaging';
import { bandOf, compileDefinition, poolOf } from '@ipledger/services';
import { Controller, Get, Inject, Param, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { problem, ProblemError, rejectionProblem } from '../problem.js';
import { EVENT_STORE } from '../tokens.js';
import { Writers, type KnownCluster } from '../writer/writers.js';
import { invalidRequest, wholeNumber } from './requests.js';

interface AddressView {
  address: string;
  family: Family;
  /** CIDR of the pool; null when a held address lies outside every range. */
  pool: string | null;
  band: 'static' | 'dynamic' | null;
  holder: { namespace: string; name: string; uid: string; since: string; revision: number } | null;
  asOf: { revision: number; time: string };
}

/** Who holds an address, and what happened: the log itself. */
@Controller('v1/clusters/:cluster')
export class InspectController {
  constructor(private readonly writers: Writers, @Inject(EVENT_STORE) private readonly store: EventStore) {}

  @Get('addresses/:ip')
  async address(@Param('cluster') name: string, @Param('ip') text: string): Promise<AddressView> {
    const cluster = await this.known(name);
    const address = parseAddress(text);
    if (address === undefined) throw invalidRequest('ip', text, 'is not an IP address; write it as 10.96.0.10 or fd00:10:96::a');
    const canonical = formatAddress(address);
    const head = await this.store.head(cluster.id);
    const claim = await this.store.claim(cluster.id, canonical);
    const pool = poolOf(compileDefinition(cluster.definition).pools, address);
    if (claim === undefined && pool === undefined)
      throw new ProblemError(problem('address_not_in_pools', `${canonical} is in none of ${cluster.definition.serviceCIDRs.join(', ')}, and nobody holds it`));
    return {
      address: canonical,
      family: address.family,
      pool: pool?.name ?? null,
      band: pool === undefined ? null : bandOf(pool, address.value),
      holder: claim === undefined ? null : { namespace: claim.namespace, name: claim.name, uid: claim.uid, since: claim.since.toISOString(), revision: claim.revision },
      asOf: { revision: head?.revision ?? cluster.revision, time: new Date().toISOString() },
    };
  }

  /** The log after a revision, in order. `continue` is the revision to go on after; it is missing at the end. */
  @Get('events')
  async events(@Param('cluster') name: string, @Req() request: FastifyRequest): Promise<{ items: RecordedEvent[]; continue?: string }> {
    const cluster = await this.known(name);
    const limit = wholeNumber(request, 'limit', { min: 1, max: 1000, otherwise: 100 });
    const after = wholeNumber(request, 'after', { min: 0, max: Number.MAX_SAFE_INTEGER, otherwise: 0 });
    const rows = await this.store.readLog(cluster.id, after, limit + 1);
    const events = rows.flatMap((row) => eventsOf(recordedCommand(name, row))).filter(({ revision }) => revision > after);
    const items = events.slice(0, limit);
    const last = items.at(-1);
    return events.length > limit && last !== undefined ? { items, continue: String(last.revision) } : { items };
  }

  private async known(name: string): Promise<KnownCluster> {
    const cluster = await this.writers.findNow(name);
    if (cluster === undefined) throw new ProblemError(rejectionProblem({ code: 'cluster_not_found', cluster: name }));
    return cluster;
  }
}
