import type pg from 'pg';

/** Tells a listener how long each statement took, on every connection that the pool opens from now on. */
export const observeQueries = (pool: pg.Pool, listener: (seconds: number) => void): void => {
  pool.on('connect', (client) => {
    const plain = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      const startMs = performance.now();
      const done = (): void => listener((performance.now() - startMs) / 1000);
      const callback = args.at(-1); // the pool's own `query` passes one; who holds a client awaits instead
      if (typeof callback === 'function') {
        return plain(...args.slice(0, -1), (...answer: unknown[]) => {
          done();
          callback(...answer);
        });
      }
      const result = plain(...args);
      if (result instanceof Promise) result.then(done, done);
      return result;
    }) as typeof client.query;
  });
};
