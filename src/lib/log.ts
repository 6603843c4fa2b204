/**
 * The logger that is handed to every part. One structured event per operation, with ids, outcome and duration.
 * Secrets are removed here, by walking the fields once.
 */
import { pino } from 'pino';
import { logDestination, maxWaitingBytes } from './log-destination.ts';

/** Fields of a log event. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A log by level, with fields; each part has one that names it. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every event also has these fields. */
  child(fields: LogFields): Logger;
}

/** A logger that can be told to log more or less, and its children with it. */
export interface AdjustableLogger extends Logger {
  setLevel(level: LogLevel): void;
}

/** The levels that can be asked for. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** A level of the log. */
export type LogLevel = (typeof logLevels)[number];

const secretKey = /pass(word|wd)?|secret|token|credential|private.?key|authorization|^environ$/i;
const deepest = 6;

/** A copy of `value` in which the values of secret-looking keys read `[redacted]`. */
export function redact(value: unknown, depth = 0): unknown {
  if (value instanceof Error) {
    const code = 'code' in value ? value.code : undefined;
    return {
      name: value.name,
      message: value.message,
      ...(code === undefined ? {} : { code }),
      cause: redact(value.cause, depth + 1),
    };
  }
  if (value === null || typeof value !== 'object') return value;
  if (depth >= deepest) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, secretKey.test(key) ? '[redacted]' : redact(item, depth + 1)]),
  );
}

/** A file or a terminal is written to synchronously. */
function plainDestination(fileDescriptor: number) {
  const destination = pino.destination({ fd: fileDescriptor, sync: true, maxLength: maxWaitingBytes });
  return destination.on('error', () => {});
}

/**
 * A logger that writes one JSON document a line to a file descriptor (2 = stderr). It never throws: a log that cannot be
 * written, since its terminal or its reader is gone or does not read, costs lines and nothing else.
 */
export function createLogger(level: LogLevel, fileDescriptor = 2): AdjustableLogger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const sink = pino(options, logDestination(fileDescriptor) ?? plainDestination(fileDescriptor));
  const wrap = (fields: LogFields): Logger => {
    const write = (at: 'debug' | 'info' | 'warn' | 'error') => (message: string, more?: LogFields) => {
      if (sink.isLevelEnabled(at)) sink[at](redact({ ...fields, ...more }) as object, message);
    };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (more) => wrap({ ...fields, ...more }),
    };
  };
  const setLevel = (now: LogLevel): void => {
    sink.level = now;
  };
  return { ...wrap({}), setLevel };
}

/** A logger that drops everything, for tests and one-shot commands. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
