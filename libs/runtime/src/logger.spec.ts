import { createLogger } from './logger.js';
import type { LogFormat, LogLevel } from './logger.js';

const logged = (format: LogFormat, level: LogLevel = 'debug') => {
  const lines: string[] = [];
  const now = () => new Date('2026-01-02T03:04:05.678Z');
  return { lines, logger: createLogger({ level, format, write: (line) => lines.push(line), now }) };
};

describe('JSON lines', () => {
  it('carry time, level, message and fields, one object a line', () => {
    const { lines, logger } = logged('json');
    logger.child({ requestId: 'r1' }).info('two\nlines', { revision: 18_446_744_073_709_551_616n, cluster: 'a' });
    expect(lines).toEqual([
      '{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"two\\nlines","requestId":"r1","revision":"18446744073709551616","cluster":"a"}\n',
    ]);
  });

  it('drop what is below the level', () => {
    const { lines, logger } = logged('json', 'warn');
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level](level);
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(['warn', 'error']);
  });

  it('hold an error with its code, stack and cause', () => {
    const { lines, logger } = logged('json');
    const error = Object.assign(new TypeError('no', { cause: new Error('why') }), { code: 'E1' });
    logger.error('failed', { error });
    expect(JSON.parse(lines[0]!)).toMatchObject({
      error: { name: 'TypeError', message: 'no', code: 'E1', stack: error.stack, cause: { name: 'Error', message: 'why' } },
    });
  });

  it('let no field pose as time, level or message', () => {
    const { lines, logger } = logged('json');
    logger.info('real', { level: 'error', message: 'forged', time: 'never' });
    expect(lines).toEqual(['{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"real"}\n']);
  });

  it('are written even when the fields cannot be', () => {
    const { lines, logger } = logged('json');
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    logger.info('cycle', { cycle });
    logger.info('getter', { bad: { get x(): never { throw new Error('boom'); } } });
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { message: 'cycle', fields: expect.stringContaining('[Circular') as string }, { message: 'getter', logError: 'Error: boom' },
    ]);
  });
});

describe('pretty lines', () => {
  it('show time of day, level, message and fields', () => {
    const { lines, logger } = logged('pretty');
    logger.warn('slow append', { cluster: 'a', took: '5 ms', count: 3 });
    expect(lines).toEqual(["03:04:05.678 WARN  slow append cluster=a took='5 ms' count=3\n"]);
  });

  it('put the stack below', () => {
    const { lines, logger } = logged('pretty');
    logger.error('failed', { error: new Error('why'), cluster: 'a' });
    expect(lines[0]).toMatch(/^03:04:05\.678 ERROR failed cluster=a\n {4}Error: why\n {8}at /);
  });

  it('defuse control characters, which could forge a line or recolour the terminal', () => {
    const { lines, logger } = logged('pretty');
    logger.info('a\nb', { agent: '\u001b[31m', error: new Error('\u001b]0;x\u0007') });
    // oxlint-disable-next-line no-control-regex
    expect(lines[0]!.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f]/);
    expect(lines[0]).toContain('a\\x0ab');
  });
});
