import { randomFillSync } from 'node:crypto';

const pool = new Uint8Array(8192);
let used = pool.length;

/** Bytes from the operating system, fetched many at a time: a system call per command would show in a profile. */
const take = (bytes: number): DataView => {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return new DataView(pool.buffer, used - bytes, bytes);
};

/** A seed for one command. */
export const newSeed = (): [number, number, number, number] => {
  const view = take(16);
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)];
};

/** UUID version 7 (RFC 9562): ordered by time, so that the index of command ids grows at its end. */
export const newCommandId = (nowMs: number): string => {
  const view = take(10);
  const time = nowMs.toString(16).padStart(12, '0');
  const a = (view.getUint16(0) & 0x0fff) | 0x7000;
  const b = (view.getUint16(2) & 0x3fff) | 0x8000;
  return `${time.slice(0, 8)}-${time.slice(8)}-${hex(a, 4)}-${hex(b, 4)}-${hex(view.getUint32(4), 8)}${hex(view.getUint16(8), 4)}`;
};

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
