import fc from 'fast-check';

/**
 * Laws run the same cases every time, so that a commit that changes nothing about them cannot fail by chance. Other cases:
 * `LAW_SEED=N npm test -- SPEC`; a failure prints its seed and path.
 */
const seed = Number(process.env['LAW_SEED'] ?? 20_261_126);
if (!Number.isSafeInteger(seed)) throw new Error(`LAW_SEED=${process.env['LAW_SEED']} is no integer`);
fc.configureGlobal({ seed });
