import { randomInt } from 'node:crypto';

/** What is known of a row: enough to see whether another is the same, and where in the log it can be read. */
export interface CompactRow {
  /** Of the event that wrote it. */
  readonly revision: number;
  /** An instant that belongs to it, in ms since 1970; 0 where there is none. */
  readonly ms: number;
  /** `hashOf` its holder's uid. */
  readonly uid: number;
  /** `hashOf` everything else that must be the same. */
  readonly rest: number;
}

const partsBits = 6;
const slotsMin = 64;
/** Fuller than this, looking for a free slot takes long. */
const fullest = 0.7;
// Other ones in each process: who chooses names cannot choose hashes.
const [seedA, seedB] = [randomInt(2 ** 32), randomInt(2 ** 32)];

/** 32 bits of a text. The same text has the same hash within a process. */
export const hashOf = (text: string): number => {
  let hash = seedA;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1);
  return mixed(hash ^ text.length);
};

/** Other 32 bits: that two keys of ten million share both has a chance of 3 in a million. */
const otherHashOf = (text: string): number => {
  let hash = seedB;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x5f356495);
    hash ^= hash >>> 15;
  }
  return mixed(hash);
};

const mixed = (hash: number): number => {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
};

const idOf = (hash: number, other: number): bigint => (BigInt(hash) << 32n) | BigInt(other);
/** What stands for a key. */
export const keyId = (key: string): bigint => idOf(hashOf(key), otherHashOf(key));

/**
 * A table from key to row in 33 bytes a slot, 50 to 100 bytes a row, outside of the heap: millions of live rows fit where as many objects would
 * not. It does not keep the keys, only 64 bits of each. In parts, so that growing copies a 64th at a time.
 */
export class CompactRows {
  private readonly parts = Array.from({ length: 2 ** partsBits }, () => new Part());

  get size(): number {
    return this.parts.reduce((sum, { size }) => sum + size, 0);
  }

  get(key: string): CompactRow | undefined {
    const [hash, other] = [hashOf(key), otherHashOf(key)];
    return this.partOf(hash).get(hash, other);
  }

  set(key: string, row: CompactRow): void {
    const [hash, other] = [hashOf(key), otherHashOf(key)];
    this.partOf(hash).set(hash, other, row);
  }

  delete(key: string): void {
    const [hash, other] = [hashOf(key), otherHashOf(key)];
    this.partOf(hash).delete(hash, other);
  }

  clear(): void {
    for (const part of this.parts) part.clear();
  }

  /** Marks a row as met. @returns it */
  meet(key: string): CompactRow | undefined {
    const [hash, other] = [hashOf(key), otherHashOf(key)];
    return this.partOf(hash).get(hash, other, true);
  }

  forgetMeetings(): void {
    for (const part of this.parts) part.met.fill(0);
  }

  /** Those that were not met, a part at a time. */
  *unmet(): Generator<CompactRow[]> {
    for (const part of this.parts) yield part.rows((slot) => part.met[slot] === 0);
  }

  /** Keys that only one of two tables has, or for which they have different rows. */
  *differing(than: CompactRows, isSame: (mine: CompactRow, other: CompactRow) => boolean): Generator<{ id: bigint; mine: CompactRow | undefined; other: CompactRow | undefined }> {
    for (const [index, part] of this.parts.entries()) {
      const others = than.parts[index]!;
      for (const { hash, other, row: mine } of part.entries()) {
        const found = others.get(hash, other);
        if (found === undefined || !isSame(mine, found)) yield { id: idOf(hash, other), mine, other: found };
      }
      for (const { hash, other, row } of others.entries()) if (part.get(hash, other) === undefined) yield { id: idOf(hash, other), mine: undefined, other: row };
    }
  }

  deleteWhere(gone: (row: CompactRow) => boolean): void {
    for (const part of this.parts) part.keepOnly((row) => !gone(row));
  }

  private partOf(hash: number): Part {
    return this.parts[hash >>> (32 - partsBits)]!;
  }
}

/** Open addressing with linear probing. A slot is free when its revision is 0, which no event has. */
class Part {
  size = 0;
  met = new Uint8Array(slotsMin);
  private revisions = new Float64Array(slotsMin);
  private ms = new Float64Array(slotsMin);
  private hashes = new Uint32Array(slotsMin);
  private others = new Uint32Array(slotsMin);
  private uids = new Uint32Array(slotsMin);
  private rests = new Uint32Array(slotsMin);

  get(hash: number, other: number, meet = false): CompactRow | undefined {
    const slot = this.slotOf(hash, other);
    if (this.revisions[slot] === 0) return undefined;
    if (meet) this.met[slot] = 1;
    return this.at(slot);
  }

  set(hash: number, other: number, row: CompactRow): void {
    let slot = this.slotOf(hash, other);
    if (this.revisions[slot] === 0) {
      if (this.size + 1 > this.revisions.length * fullest) {
        this.resize(this.revisions.length * 2);
        slot = this.slotOf(hash, other);
      }
      this.size++;
    }
    this.put(slot, hash, other, row);
  }

  /** Moves those that follow up, so that no search ends at the hole. */
  delete(hash: number, other: number): void {
    let hole = this.slotOf(hash, other);
    if (this.revisions[hole] === 0) return;
    const last = this.revisions.length - 1;
    for (let slot = (hole + 1) & last; this.revisions[slot] !== 0; slot = (slot + 1) & last) {
      const home = this.hashes[slot]! & last;
      if (((slot - home) & last) < ((slot - hole) & last)) continue;
      this.put(hole, this.hashes[slot]!, this.others[slot]!, this.at(slot));
      this.met[hole] = this.met[slot]!;
      hole = slot;
    }
    this.revisions[hole] = 0;
    this.met[hole] = 0;
    this.size--;
  }

  clear(): void {
    this.size = 0;
    this.revisions.fill(0);
  }

  rows(wanted: (slot: number) => boolean): CompactRow[] {
    const found: CompactRow[] = [];
    for (const [slot, revision] of this.revisions.entries()) if (revision !== 0 && wanted(slot)) found.push(this.at(slot));
    return found;
  }

  *entries(): Generator<{ hash: number; other: number; row: CompactRow }> {
    for (const [slot, revision] of this.revisions.entries()) if (revision !== 0) yield { hash: this.hashes[slot]!, other: this.others[slot]!, row: this.at(slot) };
  }

  keepOnly(wanted: (row: CompactRow) => boolean): void {
    this.resize(this.revisions.length, wanted);
  }

  private slotOf(hash: number, other: number): number {
    const last = this.revisions.length - 1;
    for (let slot = hash & last; ; slot = (slot + 1) & last)
      if (this.revisions[slot] === 0 || (this.hashes[slot] === hash && this.others[slot] === other)) return slot;
  }

  private at(slot: number): CompactRow {
    return { revision: this.revisions[slot]!, ms: this.ms[slot]!, uid: this.uids[slot]!, rest: this.rests[slot]! };
  }

  private put(slot: number, hash: number, other: number, { revision, ms, uid, rest }: CompactRow): void {
    this.revisions[slot] = revision;
    this.ms[slot] = ms;
    this.hashes[slot] = hash;
    this.others[slot] = other;
    this.uids[slot] = uid;
    this.rests[slot] = rest;
  }

  private resize(slots: number, wanted: (row: CompactRow) => boolean = () => true): void {
    const { revisions, ms, hashes, others, uids, rests } = this;
    [this.revisions, this.ms] = [new Float64Array(slots), new Float64Array(slots)];
    [this.hashes, this.others, this.uids, this.rests] = [new Uint32Array(slots), new Uint32Array(slots), new Uint32Array(slots), new Uint32Array(slots)];
    this.met = new Uint8Array(slots);
    this.size = 0;
    for (let slot = 0; slot < revisions.length; slot++) {
      const row = { revision: revisions[slot]!, ms: ms[slot]!, uid: uids[slot]!, rest: rests[slot]! };
      if (row.revision !== 0 && wanted(row)) this.set(hashes[slot]!, others[slot]!, row);
    }
  }
}
