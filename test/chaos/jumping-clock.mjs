// Loaded before the program under test: its wall clock is off by what a file says, read ten times a second. The monotonic
// clock and timers stay right, as they do when an operator or NTP sets a machine's clock.
import { readFileSync } from 'node:fs';

const file = process.env.CHAOS_CLOCK_FILE;
const RealDate = Date;
let offsetMs = 0;
const read = () => {
  try {
    offsetMs = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    offsetMs = 0;
  }
};
if (file !== undefined) {
  read();
  setInterval(read, 100).unref();
  globalThis.Date = class extends RealDate {
    constructor(...args) {
      super(...(args.length === 0 ? [RealDate.now() + offsetMs] : args));
    }
    static now() {
      return RealDate.now() + offsetMs;
    }
  };
}
