import type { Failure } from './replay.js';
import type { Scenario } from './recordings.js';

/**
 * Scenarios that are known to fail, and why. Every scenario of that name must fail, except `byChance`: then it may pass as well.
 */
export type Exception = {
  names: RegExp;
  reason: string;
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
  for (const { name } of scenarios) {
    const failure = failed.get(name);
    const exception = failure && known.find(({ names }) => names.test(name));
    if (exception) excused.set(exception.reason, (excused.get(exception.reason) ?? 0) + 1);
    else if (failure) unexpected.push(failure);
  }
  const outdated = known.filter(({ byChance }) => !byChance)
    .flatMap(({ names, reason }) => scenarios.filter(({ name }) => names.test(name) && !failed.has(name)).map(({ name }) => `${name} passes (${reason})`));
  return { unexpected, excused, outdated };
};
