import { settleClaims, type ClaimTools } from './claims.js';
import { serveWaits, type WaitTools } from './waits.js';

export type RoundTools = ClaimTools & WaitTools;

/**
 * Everything that is to be done now, once: claims are brought to their end, since what is released may serve those who wait; then who waits is
 * served, and what was claimed for that is attached.
 * @returns whether claims or Services are left that were not looked at
 */
export const runRound = async (tools: RoundTools): Promise<boolean> => {
  const { patience, troubles, signal, now = () => new Date() } = tools;
  const sinceMs = now().getTime();
  const settled = await settleClaims(tools);
  const { claimed, leavesSome: leavesWaits } = await serveWaits(tools, settled.pending);
  if (claimed) settled.leavesSome = (await settleClaims(tools)).leavesSome;
  const leavesSome = leavesWaits || settled.leavesSome;
  if (signal.aborted) return leavesSome;
  if (!leavesWaits) patience.forgetUntried(sinceMs);
  if (!leavesSome) troubles.forgetUntried(sinceMs);
  return leavesSome;
};
