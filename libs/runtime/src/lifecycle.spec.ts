import { EventEmitter } from 'node:events';
import { Lifecycle } from './lifecycle.js';
import { createLogger } from './logger.js';

/** A process that records its exit codes; the first one settles `exited`. */
const start = (stepBoundMs = 60_000) => {
  const log: string[] = [];
  const exits: number[] = [];
  let [settle, nowMs] = [(_code: number) => {}, 0];
  const exited = new Promise<number>((resolve) => { settle = resolve; });
  const host = Object.assign(new EventEmitter(), { exit: (code: number) => { exits.push(code); settle(code); } });
  const logger = createLogger({ level: 'debug', format: 'json', write: (line) => log.push((JSON.parse(line) as { message: string }).message) });
  const lifecycle = new Lifecycle({ logger, stepBoundMs, process: host, now: () => nowMs });
  return { lifecycle, host, log, exits, exited, advance: (ms: number) => { nowMs += ms; } };
};

describe('shutdown', () => {
  it.each(['SIGTERM', 'SIGINT'])('on %s closes last what was opened first, one after the other, and exits 0', async (signal) => {
    const { lifecycle, host, exited } = start();
    const order: string[] = [];
    lifecycle.onShutdown('database', () => { order.push('database'); });
    lifecycle.onShutdown('listener', async () => {
      order.push('listener');
      await new Promise((resolve) => setImmediate(resolve));
      order.push('drained');
    });
    expect(lifecycle.isStopping).toBe(false);
    host.emit(signal);
    expect(lifecycle.isStopping).toBe(true);
    expect(await exited).toBe(0);
    expect(order).toEqual(['listener', 'drained', 'database']);
  });

  it('goes on after a step that fails or takes too long, and exits 1', async () => {
    const { lifecycle, host, exited, log } = start();
    const order: string[] = [];
    lifecycle.onShutdown('database', () => { order.push('database'); });
    lifecycle.onShutdown('stuck', () => new Promise(() => {}), 5);
    lifecycle.onShutdown('broken', () => { throw new Error('no'); });
    host.emit('SIGTERM');
    expect(await exited).toBe(1);
    expect(order).toEqual(['database']);
    expect(log).toEqual(['stopping', 'shutdown step failed', 'shutdown step took too long, going on without it', 'stopped']);
  });

  it('runs a step that is added while it runs', async () => {
    const { lifecycle, host, exited } = start();
    const order: string[] = [];
    lifecycle.onShutdown('first', () => lifecycle.onShutdown('late', () => { order.push('late'); }));
    host.emit('SIGTERM');
    await exited;
    expect(order).toEqual(['late']);
  });

  it('after a start that failed half-way closes what was opened and exits 1', async () => {
    const { lifecycle, exits } = start();
    const order: string[] = [];
    lifecycle.onShutdown('database', () => { order.push('database'); });
    await lifecycle.shutdown(1);
    expect([order, exits]).toEqual([['database'], [1]]);
  });

  it.each([['SIGTERM', 143], ['SIGINT', 130]] as const)('leaves at once on a second signal %s with %i', (signal, code) => {
    const { lifecycle, host, exits, advance } = start();
    lifecycle.onShutdown('stuck', () => new Promise(() => {}));
    host.emit('SIGTERM');
    advance(301);
    host.emit(signal);
    expect(exits).toEqual([code]);
  });

  it('takes the same signal twice within 300 ms for one: npm passes on the Ctrl-C that we got already', () => {
    const { lifecycle, host, exits, advance } = start();
    lifecycle.onShutdown('stuck', () => new Promise(() => {}));
    host.emit('SIGINT');
    advance(299);
    host.emit('SIGINT');
    expect(exits).toEqual([]);
    host.emit('SIGTERM');
    expect(exits).toEqual([143]);
  });

  it.each(['unhandledRejection', 'uncaughtException'])('on %s logs and exits 1 without steps', (event) => {
    const { lifecycle, host, exits, log } = start();
    lifecycle.onShutdown('drain', () => { log.push('drained'); });
    host.emit(event, new Error('why'));
    expect(exits).toEqual([1]);
    expect(log).toEqual([event === 'uncaughtException' ? 'uncaught exception' : 'unhandled promise rejection']);
  });
});
