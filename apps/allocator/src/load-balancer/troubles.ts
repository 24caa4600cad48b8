/** Failures in a row after which a log is left alone for a while. */
const failuresMax = 3;
const restMsFirst = 1_000;
const restMsMax = 30_000;

interface Trouble {
  /** In a row. */
  failures: number;
  untilMs: number;
}

/**
 * Logs in which steps fail: their tables are damaged, their row is held, their queue is full. A step there may take long to fail, so after a
 * few the log is left alone for a while, and the others have their turn.
 */
export class Troubles {
  private readonly byLog = new Map<number, Trouble>();

  isLeftAlone(logId: number, nowMs: number): boolean {
    const trouble = this.byLog.get(logId);
    return trouble !== undefined && trouble.failures >= failuresMax && nowMs < trouble.untilMs;
  }

  failed(logId: number, nowMs: number): void {
    const failures = (this.byLog.get(logId)?.failures ?? 0) + 1;
    this.byLog.set(logId, { failures, untilMs: nowMs + Math.min(restMsFirst * 2 ** Math.max(0, failures - failuresMax), restMsMax) });
  }

  worked(logId: number): void {
    this.byLog.delete(logId);
  }

  /** Whether something that failed is worth another attempt, though nothing was committed since. */
  isAnyOver(nowMs: number): boolean {
    for (const { untilMs } of this.byLog.values()) if (nowMs >= untilMs) return true;
    return false;
  }

  /** Of what was worth another attempt at a time, forgets what has had none since: nothing is to be done there any more. */
  forgetUntried(sinceMs: number): void {
    for (const [logId, { untilMs }] of this.byLog) if (sinceMs >= untilMs) this.byLog.delete(logId);
  }
}
