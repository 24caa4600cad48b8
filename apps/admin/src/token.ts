import { newToken } from '@ipledger/access';
import { UsageProblem, type Usage } from './usage.js';

/** A token and the entry that makes it known. The token goes nowhere else, and cannot be shown again. */
export const runToken = async ({ options: { token: given } }: Usage): Promise<string> => {
  const { name, ...more } = given;
  if (name === undefined) throw new UsageProblem('token needs --name, under which the log will know whoever uses it');
  try {
    const { token, entry } = newToken({ name, ...more });
    return `The token, shown this once:\n\n${token}\n\nIts entry under "tokens:" in the access file:\n\n${entry.trimEnd()}`;
  } catch (error) {
    throw new UsageProblem((error as Error).message);
  }
};
