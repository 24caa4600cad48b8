import { randomUUID } from 'node:crypto';
import type { EventStore } from '@ipledger/event-store';
import { applyStaticDefaults, decodeService, type ClusterCommand, type CreateService, type JsonValue, type Reservation, type ServiceObject } from '@ipledger/services';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defaultManager, orderBasis } from '../kubernetes/request.js';
import { rejectionStatus } from '../kubernetes/status.js';
import { problem, ProblemError, rejectionProblem } from '../problem.js';
import { markAnswer, orderOf } from '../request-context.js';
import { EVENT_STORE } from '../tokens.js';
import { SubmitOrder } from '../writer/submit.handler.js';
import { Writers } from '../writer/writers.js';
import { clusterOrderBasis, confirmBody, invalidRequest, isDryRun, reservationBody, wholeNumber, type ReservationBody } from './requests.js';
import { lasts, reservationView, untilIn, wantedIn, type ReservationView } from './reservation-view.js';
import { keyReused, mustKnow, submitClusterCommand } from './submit.js';

/** Addresses that are held back: made, looked at, given to a Service, released. */
@Controller('v1/clusters/:cluster/reservations')
export class ReservationsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly writers: Writers,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Post()
  @RouteSchema({ body: reservationBody })
  async make(@Param('cluster') cluster: string, @Body() body: ReservationBody, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = await mustKnow(this.writers, cluster);
    const basis = clusterOrderBasis(cluster, isDryRun(request));
    const { reason, owner, name = `r-${randomUUID()}` } = body;
    const command: ClusterCommand = { type: 'ReserveAddresses', ...basis, reservation: name, wanted: wantedIn(body), reason, owner, until: untilIn(body, basis.time) };
    const outcome = await submitClusterCommand(this.commands, this.store, id, command, request);
    markAnswer(reply, outcome.revision, outcome.replayed);
    const made = JSON.parse(outcome.answer ?? '{}') as Reservation;
    void reply.code(201).header('location', `/v1/clusters/${cluster}/reservations/${made.name}`)
      .send({ ...made, ...(!command.dryRun && { createdAt: basis.time.toISOString(), revision: outcome.revision }) });
  }

  @Get()
  async list(@Param('cluster') cluster: string, @Req() request: FastifyRequest, @Query('continue') after?: string): Promise<{ items: ReservationView[]; continue?: string }> {
    const { id } = await mustKnow(this.writers, cluster);
    const limit = wholeNumber(request, 'limit', { min: 1, max: 1000, otherwise: 100 });
    const rows = await this.store.listReservations(id, after, limit);
    const last = rows.at(-1);
    const items = rows.filter((row) => lasts(row)).map(reservationView);
    return rows.length === limit && last !== undefined ? { items, continue: last.name } : { items };
  }

  @Get(':name')
  async get(@Param('cluster') cluster: string, @Param('name') name: string): Promise<ReservationView> {
    const { id } = await mustKnow(this.writers, cluster);
    const found = await this.store.reservation(id, name);
    if (found === undefined || !lasts(found)) throw new ProblemError(rejectionProblem({ code: 'reservation_not_found', cluster, reservation: name }));
    return reservationView(found);
  }

  @Delete(':name')
  async release(@Param('cluster') cluster: string, @Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = await mustKnow(this.writers, cluster);
    const command: ClusterCommand = { type: 'ReleaseReservation', ...clusterOrderBasis(cluster, isDryRun(request)), reservation: name };
    const outcome = await submitClusterCommand(this.commands, this.store, id, command, request);
    markAnswer(reply, outcome.revision, outcome.replayed);
    void reply.code(200).send(JSON.parse(outcome.answer ?? '{}'));
  }

  /** Creates a Service with the address of the reservation, which ends when that was all of it. */
  @Post(':name/confirm')
  @RouteSchema({ body: confirmBody })
  async confirm(
    @Param('cluster') cluster: string, @Param('name') reservation: string, @Body() body: { namespace: string; service: JsonValue }, @Req() request: FastifyRequest, @Res() reply: FastifyReply,
  ): Promise<void> {
    const { id } = await mustKnow(this.writers, cluster);
    const options = { dryRun: isDryRun(request), fieldManager: defaultManager(request) };
    const command: CreateService = { type: 'CreateService', ...orderBasis(body.namespace, options), service: serviceIn(body.service, body.namespace), reservation };
    const outcome = await this.commands.execute(new SubmitOrder(id, cluster, orderOf(request, command, request.rawBody)));
    if (outcome.kind === 'request_differs') throw new ProblemError(keyReused(outcome.key));
    if (outcome.kind === 'rejected') {
      if (outcome.rejection.code.startsWith('reservation_')) throw new ProblemError(rejectionProblem(outcome.rejection));
      const { code, body: status } = rejectionStatus(outcome.rejection, cluster);
      throw new ProblemError({ ...problem('service_refused', (JSON.parse(status) as { message: string }).message, { serviceStatus: JSON.parse(status) as unknown }), status: code });
    }
    markAnswer(reply, outcome.revision, outcome.replayed);
    void reply.code(201).type('application/json').send(outcome.answer);
  }
}

const serviceIn = (value: JsonValue, namespace: string): ServiceObject => {
  const decoded = decodeService(value, []);
  if ('failure' in decoded) throw invalidRequest('service', null, `cannot be read: ${decoded.failure}`);
  if (decoded.strict.length > 0) throw invalidRequest('service', null, `cannot be read: ${decoded.strict.join(', ')}`);
  if ((decoded.service.metadata.namespace ?? namespace) !== namespace)
    throw invalidRequest('service.metadata.namespace', decoded.service.metadata.namespace, `is not the namespace of the request, ${namespace}`);
  return applyStaticDefaults(decoded.service);
};
