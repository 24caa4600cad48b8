/** How a verification goes: rows at a time, and what it waits for before the next. */
export interface Pace {
  pageRows: number;
  /** In the background a rest, which leaves the database and the event loop to those who allocate. */
  pause(): Promise<void>;
}

/** So many rows in memory cost what one costs that has to be read. */
export const rowsInMemory = 20;
