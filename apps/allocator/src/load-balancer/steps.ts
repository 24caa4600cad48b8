import { randomUUID } from 'node:crypto';
import type { EventStore } from '@ipledger/event-store';
import type { Logger } from '@ipledger/runtime';
import type { Command } from '@ipledger/services';
import { QueueFull, WriterUnavailable, type Order, type Outcome } from '../writer/order.js';
import { newCommandId, newSeed } from '../writer/random.js';
import type { Troubles } from './troubles.js';

/** `assign` from the pools of the cluster; of shared pools `claim` in the pool's log, `attach` in the cluster's, `release` in the pool's; `report` why they had nothing, in the cluster's. */
export type Step = 'assign' | 'claim' | 'attach' | 'release' | 'report';
/** `nothing`: accepted, and there was nothing to do. */
export type StepResult = 'done' | 'nothing' | 'refused' | 'failed';

export interface StepObserver {
  stepped(step: Step, result: StepResult): void;
}

export interface StepTools {
  /** To the writer of a log. @throws QueueFull, WriterUnavailable */
  submit(logId: number, log: string, order: Order): Promise<Outcome>;
  store: Pick<EventStore, 'pulse'>;
  observer: StepObserver;
  troubles: Troubles;
  logger: Logger;
  /** Of commands. The clock, unless a test has another. */
  now?(): Date;
}

/** Whose log a step changes. */
export interface Log {
  id: number;
  name: string;
}

export interface Stepped {
  result: StepResult;
  /** Of what was accepted: the answer, and the revision of the log that it left. */
  answer?: string;
  revision?: number;
}

/** Under this name the log remembers what nobody asked for. */
const actor = 'ipledger:assigner';

/** What every command of the assigner says of itself. */
export const basis = ({ now = () => new Date() }: Pick<StepTools, 'now'>) => ({ time: now(), seed: newSeed(), dryRun: false });
/** The same of one about a Service. */
export const serviceBasis = (tools: Pick<StepTools, 'now'>) => ({ ...basis(tools), newUid: randomUUID(), fieldManager: 'ipledger' });

/**
 * One step: an ordinary command, through the writer of its log. Each can be done again by anybody, so whatever fails, or is lost on the way,
 * is left to the next round. In a log where they fail again and again none is tried for a while.
 * @throws WriterUnavailable when the database is away: then nothing else would succeed either
 */
export const step = async (tools: StepTools, kind: Step, log: Log, command: Command): Promise<Stepped> => {
  const { troubles, now = () => new Date() } = tools;
  if (troubles.isLeftAlone(log.id, now().getTime())) return { result: 'failed' };
  try {
    const outcome = await tools.submit(log.id, log.name, {
      command, commandId: newCommandId(command.time.getTime()), requestId: null, actor, userAgent: null, traceparent: null, idempotency: null,
    });
    troubles.worked(log.id);
    return seen(tools, kind, outcome);
  } catch (error) {
    tools.observer.stepped(kind, 'failed');
    const isOfLog = error instanceof WriterUnavailable;
    if (isOfLog && !(await isAnswering(tools))) throw error;
    troubles.failed(log.id, now().getTime());
    // A full queue is a busy cluster; a bug, or a log that nobody can write to, must not keep the others from their addresses.
    if (!(error instanceof QueueFull)) tools.logger[isOfLog ? 'warn' : 'error']('a step for a load balancer address failed', { step: kind, log: log.name, command: command.type, error });
    return { result: 'failed' };
  }
};

/** The database is there: what failed failed for its log alone. */
const isAnswering = ({ store }: Pick<StepTools, 'store'>): Promise<boolean> => store.pulse().then(() => true, () => false);

const seen = ({ observer }: StepTools, kind: Step, outcome: Outcome): Stepped => {
  const result = outcome.kind === 'accepted' ? (outcome.changed ? 'done' : 'nothing') : 'refused';
  observer.stepped(kind, result);
  return outcome.kind === 'accepted' ? { result, revision: outcome.revision, ...(outcome.answer !== undefined && { answer: outcome.answer }) } : { result };
};
