/** A cluster that waits, and for how many events at most. */
export interface Waiting {
  readonly clusterId: number;
  readonly events: number;
}

/**
 * Divides the commands of one batch among the clusters that wait: who needs little gets it all, the others share the rest
 * evenly. Everybody gets at least one. Events bound commands from above, so need is never underestimated.
 */
export const sharesOf = (waiting: readonly Waiting[], commandsMax: number): Map<number, number> => {
  const shares = new Map<number, number>();
  let left = commandsMax;
  [...waiting].sort((a, b) => a.events - b.events).forEach(({ clusterId, events }, index) => {
    const share = Math.max(1, Math.min(events, Math.floor(left / (waiting.length - index))));
    shares.set(clusterId, share);
    left -= share;
  });
  return shares;
};
