import type { EventStore } from '@ipledger/event-store';
import type { ClusterCommand } from '@ipledger/services';
import type { CommandBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { problem, ProblemError, rejectionProblem } from '../problem.js';
import { orderOf } from '../request-context.js';
import type { Outcome } from '../writer/order.js';
import { SubmitOrder } from '../writer/submit.handler.js';
import type { KnownCluster, Writers } from '../writer/writers.js';
import { holdersOf } from './holders.js';

export type AcceptedOutcome = Extract<Outcome, { kind: 'accepted' }>;

/** Hands a cluster command to its writer. @throws ProblemError when it is refused */
export const submitClusterCommand = async (commands: CommandBus, store: EventStore, id: number, command: ClusterCommand, request: FastifyRequest): Promise<AcceptedOutcome> => {
  const outcome = await commands.execute(new SubmitOrder(id, command.name, orderOf(request, command, request.rawBody)));
  if (outcome.kind === 'accepted') return outcome;
  if (outcome.kind === 'rejected') throw new ProblemError(rejectionProblem(outcome.rejection, await holdersOf(store, id, outcome.rejection)));
  throw new ProblemError(keyReused(outcome.key));
};

export const keyReused = (key: string) =>
  problem('request_differs', `the Idempotency-Key ${JSON.stringify(key)} was used for a request with other content; use a new key for a new request`);

/** The cluster that a path names, as it is now. @throws ProblemError 404 */
export const mustKnow = async (writers: Writers, name: string): Promise<KnownCluster> => {
  const cluster = await writers.findNow(name);
  if (cluster === undefined) throw new ProblemError(rejectionProblem({ code: 'cluster_not_found', cluster: name }));
  return cluster;
};
