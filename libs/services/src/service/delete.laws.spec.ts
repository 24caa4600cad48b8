import fc from 'fast-check';
import type { Command } from '../commands.js';
import { remove } from '../testing/commands.js';
import { history } from '../testing/histories.js';
import { Scenario } from '../testing/scenario.js';

/** Of older and of newer states, each history. */
const probesEach = 4;
const refusals = ['precondition_failed', 'not_found', 'cluster_not_found'];

/** A Service as somebody once read it. */
interface Seen {
  namespace: string;
  name: string;
  uid: string;
  resourceVersion: string;
}

/** Plays a history in which no two Services have one uid. @returns every state in which a Service ever stood */
const play = (scenario: Scenario, commands: readonly Command[], round: string): Seen[] => {
  const seen: Seen[] = [];
  commands.forEach((command, index) => {
    const decision = scenario.decide('newUid' in command ? { ...command, newUid: `uid-${round}-${index}` } : command);
    if (decision.outcome === 'rejected') return;
    for (const event of decision.events) {
      scenario.happened(event);
      if (event.type === 'service.created' || event.type === 'service.updated') seen.push({ ...event.data.service, resourceVersion: String(scenario.log.length) });
    }
  });
  return seen;
};

/** Address -> uid, by nothing but the events. */
const holdersOf = ({ log }: Scenario): Map<string, string> => {
  const holders = new Map<string, string>();
  for (const event of log) {
    if (event.type === 'ip.allocated') holders.set(event.data.address, event.data.service.uid);
    if (event.type === 'ip.released') holders.delete(event.data.address);
  }
  return holders;
};

describe('a delete that names a uid, a resourceVersion or both, of whatever stood at any time', () => {
  it('frees what the Service of that uid holds, at that resourceVersion, or nothing at all', () => {
    let [accepted, refused, ofAnotherOwner] = [0, 0, 0];
    fc.assert(fc.property(history, fc.constantFrom(['uid'], ['resourceVersion'], ['uid', 'resourceVersion']), (commands, named) => {
      const scenario = new Scenario();
      const before = play(scenario, commands, 'a');
      play(scenario, before.map(({ namespace, name }) => ({ ...remove(name), namespace })), 'b');
      const seen = [...before, ...play(scenario, commands, 'c')]; // the same names and addresses, with newer owners
      const holders = holdersOf(scenario);
      const standing = new Map(seen.map((one) => [`${one.namespace}/${one.name}`, one])); // its last state, if it stands at all
      for (const one of [...before.slice(-probesEach), ...seen.slice(-probesEach)]) {
        const preconditions = Object.fromEntries(named.map((field) => [field, one[field as 'uid' | 'resourceVersion']]));
        const now = standing.get(`${one.namespace}/${one.name}`);
        const decision = scenario.decide({ ...remove(one.name, { preconditions }), namespace: one.namespace });
        if (decision.outcome === 'rejected') {
          refused++;
          if (now?.uid !== one.uid) ofAnotherOwner++;
          if (!refusals.includes(decision.rejection.code)) throw new Error(`refused as ${decision.rejection.code}`);
          continue;
        }
        accepted++;
        if (named.some((field) => now?.[field as 'uid'] !== one[field as 'uid'])) throw new Error(`${JSON.stringify(preconditions)} freed ${JSON.stringify(now)}`);
        const others = decision.events.filter((event) => event.type === 'ip.released' && holders.get(event.data.address) !== now?.uid);
        if (others.length > 0) throw new Error(`what another one holds is freed: ${JSON.stringify(others)}`);
      }
    }), { numRuns: 1_000 });
    expect(Math.min(accepted, refused, ofAnotherOwner)).toBeGreaterThan(100); // a law of what never happens says nothing
  });
});
