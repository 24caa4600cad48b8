/** What disagrees with the log, in the words of upstream's repair loop where it has one. */
export type DifferenceType =
  /** Derived data says that something is held or there, the log says it is not. */
  | 'leak'
  /** The log says it, derived data does not. */
  | 'missing'
  /** One address or port for two Services. */
  | 'duplicate'
  /** Both have it, and say different things of it. */
  | 'differs'
  /** The log itself cannot be so: a gap, a row that is no JSON. */
  | 'broken';

export interface Difference {
  cluster: string;
  where: 'log' | 'claims' | 'port claims' | 'documents' | 'reservations' | 'cool-downs' | 'load balancer addresses' | 'load balancer waits' | 'load balancer attachments' | 'definition' | 'views' | 'events topic' | 'addresses topic';
  type: DifferenceType;
  /** The address, port, Service or revision that it is about. */
  key: string;
  /** Of the cluster, up to which the two were compared, or at which it happened. */
  revision: number;
  what: string;
}

export const differenceLine = ({ cluster, where, type, key, revision, what }: Difference): string =>
  `${cluster}: ${where}: ${type}: ${key} ${what} (revision ${revision})`;

const keptMax = 10_000;

/** Differences of one comparison. More than anybody reads are counted only: a table that is empty must not fill the memory with what it lacks. */
export class Findings {
  readonly differences: Difference[] = [];
  /** How many there are beyond those. */
  more = 0;

  /** Whether further ones are counted only. */
  get isFull(): boolean {
    return this.differences.length >= keptMax;
  }

  add(difference: Difference): void {
    if (!this.isFull) this.differences.push(difference);
    else this.more++;
  }
}
