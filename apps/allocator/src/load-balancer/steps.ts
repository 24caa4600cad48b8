import { randomUUID } from 'node:crypto';
import type { Logger } from '@ipledger/runtime';
import type { Command } from '@ipledger/services';
import { QueueFull, WriterUnavailable, type Order, type Outcome } from '../writer/order.js';
import { newCommandId, newSeed } from '../writer/random.js';

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
  observer: StepObserver;
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
 * is left to the next round.
 * @throws WriterUnavailable when the database is away: then nothing else would succeed either
 */
export const step = async (tools: StepTools, kind: Step, log: Log, command: Command): Promise<Stepped> => {
  try {
    const outcome = await tools.submit(log.id, log.name, {
      command, commandId: newCommandId(command.time.getTime()), requestId: null, actor, userAgent: null, traceparent: null, idempotency: null,
    });
    return seen(tools, kind, outcome);
  } catch (error) {
    tools.observer.stepped(kind, 'failed');
    if (error instanceof WriterUnavailable) throw error;
    // A full queue is a busy cluster; anything else is a bug, and must not keep the others from their addresses.
    if (!(error instanceof QueueFull)) tools.logger.error('a step for a load balancer address failed', { step: kind, log: log.name, command: command.type, error });
    return { result: 'failed' };
  }
};

const seen = ({ observer }: StepTools, kind: Step, outcome: Outcome): Stepped => {
  const result = outcome.kind === 'accepted' ? (outcome.changed ? 'done' : 'nothing') : 'refused';
  observer.stepped(kind, result);
  return outcome.kind === 'accepted' ? { result, revision: outcome.revision, ...(outcome.answer !== undefined && { answer: outcome.answer }) } : { result };
};
