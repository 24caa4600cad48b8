import type { ServerResponse } from 'node:http';

/** A wait that somebody can cut short. Who wakes while nobody sleeps wakes nobody: the next sleep lasts its time. */
export class Nap {
  private end: () => void = () => {};

  wake(): void {
    this.end();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * Waits until the reader of a stream has taken what was written, or is gone.
 * @param msMax how long it may take; then its connection is cut off
 */
export const drained = (response: ServerResponse, msMax: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), msMax);
    const go = (): void => {
      clearTimeout(timer);
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
