const everyMs = 2_000;

/** Shows how far something is, with its rate and the time left: one line that changes on a terminal, else one every two seconds. */
export class Progress {
  private readonly startedMs = performance.now();
  private shownMs = -Infinity;

  constructor(private readonly what: string, private readonly unit: string, private readonly stream: { isTTY?: boolean; write(text: string): unknown } = process.stderr) {}

  at(done: number, total: number): void {
    const nowMs = performance.now();
    if (nowMs - this.shownMs < (this.stream.isTTY === true ? everyMs / 10 : everyMs)) return;
    this.shownMs = nowMs;
    this.stream.write(`${this.stream.isTTY === true ? '\r\x1b[K' : ''}${this.line(done, total)}${this.stream.isTTY === true ? '' : '\n'}`);
  }

  end(): void {
    if (this.stream.isTTY === true && this.shownMs > 0) this.stream.write('\r\x1b[K');
  }

  private line(done: number, total: number): string {
    const seconds = (performance.now() - this.startedMs) / 1000;
    const rate = done / Math.max(seconds, 0.001);
    const left = rate > 0 ? `, ${Math.ceil(Math.max(0, total - done) / rate)} s left` : '';
    const percent = total > 0 ? Math.floor((100 * Math.min(done, total)) / total) : 100;
    return `${this.what}: ${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} ${this.unit} (${percent} %), ${Math.round(rate).toLocaleString('en-US')}/s${left}`;
  }
}
