import { settleClaims, type ClaimTools } from './claims.js';
import { serveWaits, type WaitTools } from './waits.js';

export type RoundTools = ClaimTools & WaitTools;

/**
 * Everything that is to be done now, once: claims are brought to their end, since what is released may serve those who wait; then who waits is
 * served, and what was claimed for that is attached.
 * @returns whether Services are left that were not looked at
 */
export const runRound = async (tools: RoundTools): Promise<boolean> => {
  const { patience, signal, now = () => new Date() } = tools;
  const sinceMs = now().getTime();
  const pending = await settleClaims(tools);
  const { claimed, leavesSome } = await serveWaits(tools, pending);
  if (claimed) await settleClaims(tools);
  if (!leavesSome && !signal.aborted) patience.forgetUntried(sinceMs);
  return leavesSome;
};
