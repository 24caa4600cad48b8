import { inspect } from 'node:util';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export const logFormats = ['pretty', 'json'] as const;
export type LogFormat = (typeof logFormats)[number];

/** Anything but `time`, `level` and `message`, which the logger owns. An Error is logged with code, stack and causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A logger never throws: what cannot be written as JSON is written as text. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same logger with fields on every line, such as `requestId`. */
  child(fields: LogFields): Logger;
}

export type LoggerOptions = {
  level: LogLevel;
  format: LogFormat;
  /** Receives whole lines, each with its line feed. Default: standard output. */
  write?: (line: string) => void;
  now?: () => Date;
};

/** One line per entry on standard output: a JSON object, or a form for people (stacks on lines of their own). */
export const createLogger = ({ level, format, write = stdoutWriter(), now = () => new Date() }: LoggerOptions): Logger => {
  const least = logLevels.indexOf(level);
  const line = format === 'json' ? jsonLine : prettyLine;
  const withFields = (bound: LogFields): Logger => {
    const logAt = (at: LogLevel) => logLevels.indexOf(at) < least ? () => {}
      : (message: string, fields: LogFields = {}) => write(`${line(now(), at, message, { ...bound, ...fields })}\n`);
    return {
      debug: logAt('debug'), info: logAt('info'), warn: logAt('warn'), error: logAt('error'),
      child: (fields) => withFields({ ...bound, ...fields }),
    };
  };
  return withFields({});
};

let stdoutIsGuarded = false;
const stdoutWriter = (): ((line: string) => void) => {
  // The reader of our output may go away (`npm start | head`). Without a listener that would end the service.
  if (!stdoutIsGuarded) process.stdout.on('error', () => {});
  stdoutIsGuarded = true;
  return (line) => { process.stdout.write(line); };
};

const jsonLine = (time: Date, level: LogLevel, message: string, fields: LogFields): string => {
  const head = { time: time.toISOString(), level, message };
  // Head twice: first for its place at the front, last so that no field can pose as the level.
  try {
    return JSON.stringify({ ...head, ...fields, ...head }, plain);
  } catch (error) {
    // A cycle or a throwing getter in the fields: losing the line would hide what it was about.
    return JSON.stringify({ ...head, fields: safeInspect(fields), logError: String(error) });
  }
};

/** JSON.stringify drops an Error's fields and refuses a bigint; both are exactly what gets logged here. */
const plain = (_key: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  return Object.assign({ name: value.name, message: value.message }, value, { stack: value.stack, cause: value.cause });
};

const prettyLine = (time: Date, level: LogLevel, message: string, fields: LogFields): string => {
  const errors = Object.values(fields).filter((value) => value instanceof Error);
  const pairs = Object.entries(fields).filter(([, value]) => !(value instanceof Error))
    .map(([name, value]) => ` ${name}=${typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : safeInspect(value)}`);
  const head = `${time.toISOString().slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${visible(message)}${pairs.join('')}`;
  return [head, ...errors.flatMap((error) => safeInspect(error).split('\n').map((part) => `    ${visible(part)}`))].join('\n');
};

// A request can carry control characters: raw, they would forge lines or recolour the operator's terminal.
const visible = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);

const safeInspect = (value: unknown): string => {
  try {
    return inspect(value, { breakLength: Infinity, depth: 6 });
  } catch {
    return '[not printable]';
  }
};
