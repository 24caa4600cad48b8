import type { Failure } from './replay.js';
import type { Scenario, Step } from './recordings.js';

/**
 * Scenarios that are known to fail, and why. With `needs`, a failure is excused only at or after the first step that
 * needs what is missing; without it, every scenario of that name must fail, except `byChance`: then it may pass as well.
 */
export type Exception = {
  names: RegExp;
  reason: string;
  needs?: (step: Step, scenario: Scenario) => boolean;
  byChance?: boolean;
};

export const exceptions: Exception[] = [
  {
    names: /^random\/v6-124\/4231$/,
    reason: 'two addresses are free when a Service that gave its address back is given one: the recording shows the same again',
    byChance: true,
  },
  {
    names: /^random\/v6v4\/4187$/,
    reason: 'a dry run upstream shows the network address, which stood in an earlier request of this scenario (difference 3)',
  },
  {
    names: /^watches\/bad-version$/,
    reason: 'a watch from a resourceVersion that is no number is a 400 in our words (kubectl.md 11.4); a recorded stream cannot say so',
  },
];

export type Judgement = {
  /** Failures that no exception excuses. */
  unexpected: Failure[];
  /** Reason -> how many failures it excused. */
  excused: Map<string, number>;
  /** What the list of exceptions says and is no longer so. */
  outdated: string[];
};

/** Holds the failures of some scenarios against the list of exceptions. */
export const judge = (scenarios: Scenario[], failures: Failure[], known: Exception[] = exceptions): Judgement => {
  const failed = new Map(failures.map((failure) => [failure.name, failure]));
  const excused = new Map<string, number>();
  const unexpected: Failure[] = [];
  const used = new Set<Exception>();
  for (const scenario of scenarios) {
    const failure = failed.get(scenario.name);
    const exception = failure && known.find((candidate) => excuses(candidate, scenario, failure));
    if (exception) {
      used.add(exception);
      excused.set(exception.reason, (excused.get(exception.reason) ?? 0) + 1);
    } else if (failure) unexpected.push(failure);
  }
  const outdated = known.flatMap((exception) => nowPassing(exception, scenarios, failed, used));
  return { unexpected, excused, outdated };
};

const excuses = ({ names, needs }: Exception, scenario: Scenario, { step }: Failure): boolean =>
  names.test(scenario.name) &&
  (!needs || scenario.steps.slice(0, (step ?? scenario.steps.length) + 1).some((played) => needs(played, scenario)));

const nowPassing = (
  exception: Exception,
  scenarios: Scenario[],
  failed: Map<string, Failure>,
  used: Set<Exception>,
): string[] => {
  const { names, needs, reason, byChance } = exception;
  if (byChance) return [];
  const named = scenarios.filter(({ name }) => names.test(name));
  if (!needs) return named.filter(({ name }) => !failed.has(name)).map(({ name }) => `${name} passes (${reason})`);
  const affected = named.filter((scenario) => scenario.steps.some((step) => needs(step, scenario)));
  return affected.length > 0 && !used.has(exception) ? [`all of ${names} pass (${reason})`] : [];
};
