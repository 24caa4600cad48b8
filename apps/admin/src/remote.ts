import { readFile } from 'node:fs/promises';
import { foreseen, type Ledger } from './follow/ledger.js';
import { UsageProblem, type Usage } from './usage.js';

/** The cluster of a running ipledger that a verb speaks to. */
export const ledgerOf = async ({ ledger, cluster, tokenFile }: Usage['remote']): Promise<Ledger> => {
  if (cluster === undefined) throw new UsageProblem('which cluster? --cluster NAME');
  const token = tokenFile === undefined ? undefined : (await foreseen('--token-file cannot be read', () => readFile(tokenFile, 'utf8'))).trim();
  return { server: ledger.replace(/\/$/, ''), cluster, token };
};
