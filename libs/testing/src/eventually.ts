export interface EventuallyOptions {
  /** How long to go on trying; 30 s unless told: it is waited for only by what fails, and a machine that others load takes long for little. */
  readonly timeoutMs?: number;
  /** The pause between two tries; 10 ms unless told. */
  readonly everyMs?: number;
}

/**
 * Runs a check until it passes, for what happens soon but not at once. A test that waits a fixed time is either slow or
 * flaky; this one is as fast as the thing it waits for.
 * @returns what the check returned
 * @throws the check's last error, once the time is over
 */
export async function eventually<T>(check: () => T | Promise<T>, { timeoutMs = 30_000, everyMs = 10 }: EventuallyOptions = {}): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, everyMs); });
  }
}
