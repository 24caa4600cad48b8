/** What ends by itself, soonest first: a binary heap. What ended otherwise stays in until its time; whoever pops it has to look. */
export class Expiries<Entry extends { readonly untilMs: number }> {
  private readonly heap: Entry[] = [];

  add(entry: Entry): void {
    let at = this.heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.untilAt(parent) <= entry.untilMs) break;
      this.swap(at, parent);
      at = parent;
    }
  }

  /** Takes out the soonest entry that ended at `nowMs` or before; undefined when there is none. */
  popEnded(nowMs: number): Entry | undefined {
    const top = this.heap[0];
    if (top === undefined || top.untilMs > nowMs) return undefined;
    const last = this.heap.pop() as Entry;
    if (last !== top) this.sink(last);
    return top;
  }

  private sink(entry: Entry): void {
    this.heap[0] = entry;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = this.untilAt(left + 1) < this.untilAt(left) ? left + 1 : left;
      if (this.untilAt(child) >= entry.untilMs) return;
      this.swap(at, child);
      at = child;
    }
  }
  /** Infinity past the end: nothing sinks below the last level. */
  private untilAt(index: number): number {
    return this.heap[index]?.untilMs ?? Infinity;
  }
  private swap(a: number, b: number): void {
    [this.heap[a], this.heap[b]] = [this.heap[b] as Entry, this.heap[a] as Entry];
  }
}
