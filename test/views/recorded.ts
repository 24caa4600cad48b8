import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { RecordedCommand } from '@ipledger/messaging';
import type { Event } from '@ipledger/services';
import type { Command } from '../../libs/services/src/commands.js';
import { history } from '../../libs/services/src/testing/histories.js';
import { Scenario } from '../../libs/services/src/testing/scenario.js';

/** What commands leave in the log of a cluster: those that are accepted and change something. `secondsApart`: between one and the next. */
export const recorded = (commands: readonly Command[], secondsApart: (index: number) => number = () => 1, cluster = 'blue'): RecordedCommand[] => {
  const scenario = new Scenario();
  const log: RecordedCommand[] = [];
  let timeMs = Date.parse('2026-03-01T12:00:00.123Z');
  for (const [index, command] of commands.entries()) {
    const decision = scenario.decide(command);
    if (decision.outcome === 'rejected' || decision.events.length === 0) continue;
    const firstRevision = scenario.log.length + 1;
    scenario.happened(...decision.events);
    timeMs += secondsApart(index) * 1000;
    log.push(recordedOf(cluster, decision.events, firstRevision, new Date(timeMs).toISOString(), command.type));
  }
  return log;
};

/** A command as the log holds it: through JSON, as everybody who reads it gets it. */
export const recordedOf = (cluster: string, events: readonly Event[], firstRevision: number, time: string, kind = 'CreateService', epoch = 1): RecordedCommand => ({
  cluster, epoch, firstRevision, revision: firstRevision + events.length - 1, time,
  command: { id: randomUUID(), kind, requestId: null, actor: null, userAgent: null, traceparent: null },
  events: JSON.parse(JSON.stringify(events)) as Event[],
});

/** Several histories one after the other on one cluster, with steps of time that cross minutes, hours and weeks, some backwards (clocks differ). */
export const longHistory: fc.Arbitrary<RecordedCommand[]> = fc
  .tuple(fc.array(history, { minLength: 1, maxLength: 4 }), fc.array(fc.constantFrom(0, 0.001, 1, 30, 61, 3_700, 86_400, 700_000, -2), { minLength: 1, maxLength: 20 }))
  .map(([histories, steps]) => recorded(histories.flat(), (index) => steps[index % steps.length] ?? 1));
