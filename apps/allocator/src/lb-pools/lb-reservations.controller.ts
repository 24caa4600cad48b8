import { randomUUID } from 'node:crypto';
import type { EventStore } from '@ipledger/event-store';
import { isWithin, type ClusterCommand, type Reservation } from '@ipledger/services';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clusterOrderBasis, isDryRun, reservationBody, wholeNumber, type ReservationBody } from '../clusters/requests.js';
import { lasts, reservationView, untilIn, wantedIn, type ReservationView } from '../clusters/reservation-view.js';
import { submitClusterCommand } from '../clusters/submit.js';
import { ProblemError, rejectionProblem } from '../problem.js';
import { markAnswer } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { mustFindPool, type LocatedPool } from './locate.js';

/** Addresses of an LB pool that are held back. Their names are unique in the log of the pool: that of its cluster, or its own. */
@Controller('v1/lb-pools/:pool/reservations')
export class LbReservationsController {
  constructor(private readonly commands: CommandBus, @Inject(EVENT_STORE) private readonly store: EventStore) {}

  @Post()
  @RouteSchema({ body: reservationBody })
  async make(@Param('pool') pool: string, @Body() body: ReservationBody, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { head } = await mustFindPool(this.store, pool, request, 'admin');
    const basis = clusterOrderBasis(head.name, isDryRun(request));
    const { reason, owner, name = `r-${randomUUID()}` } = body;
    const command: ClusterCommand = { type: 'ReserveAddresses', ...basis, reservation: name, wanted: wantedIn(body), lbPool: pool, reason, owner, until: untilIn(body, basis.time) };
    const outcome = await submitClusterCommand(this.commands, this.store, head.id, command, request);
    markAnswer(reply, outcome.revision, outcome.replayed);
    const made = JSON.parse(outcome.answer ?? '{}') as Reservation;
    void reply.code(201).header('location', `/v1/lb-pools/${pool}/reservations/${made.name}`)
      .send({ ...made, ...(!command.dryRun && { createdAt: basis.time.toISOString(), revision: outcome.revision }) });
  }

  @Get()
  async list(@Param('pool') name: string, @Req() request: FastifyRequest, @Query('continue') after?: string): Promise<{ items: ReservationView[]; continue?: string }> {
    const { head, pool } = await mustFindPool(this.store, name, request, 'reader');
    const limit = wholeNumber(request, 'limit', { min: 1, max: 1000, otherwise: 100 });
    const rows = await this.store.listReservations(head.id, after, limit);
    const last = rows.at(-1);
    const items = rows.filter((row) => lasts(row) && isWithin(row, pool.addresses)).map(reservationView);
    return rows.length === limit && last !== undefined ? { items, continue: last.name } : { items };
  }

  @Get(':name')
  async get(@Param('pool') pool: string, @Param('name') name: string, @Req() request: FastifyRequest): Promise<ReservationView> {
    return this.mustFind(await mustFindPool(this.store, pool, request, 'reader'), name);
  }

  @Delete(':name')
  async release(@Param('pool') pool: string, @Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const located = await mustFindPool(this.store, pool, request, 'admin');
    await this.mustFind(located, name);
    const { head } = located;
    const outcome = await submitClusterCommand(this.commands, this.store, head.id, { type: 'ReleaseReservation', ...clusterOrderBasis(head.name, isDryRun(request)), reservation: name }, request);
    markAnswer(reply, outcome.revision, outcome.replayed);
    void reply.code(200).send(JSON.parse(outcome.answer ?? '{}'));
  }

  /** @throws ProblemError 404, of one in another pool of the log too */
  private async mustFind({ head, pool }: LocatedPool, name: string): Promise<ReservationView> {
    const found = await this.store.reservation(head.id, name);
    if (found === undefined || !lasts(found) || !isWithin(found, pool.addresses)) throw new ProblemError(rejectionProblem({ code: 'reservation_not_found', cluster: head.name, reservation: name }));
    return reservationView(found);
  }
}
