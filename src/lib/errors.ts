/**
 * The one error class that crosses module borders. A message says what happened, to which object, and what to do;
 * the code is from the registry; the cause is kept.
 */
import { type ErrorCode, type ErrorCodeEntry, errorCodes } from './error-codes.ts';
import { redactText } from './redaction.ts';

/** Facts about the error that programs may read: ids, paths, limits. Never secrets. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | null>>;

/** The form in which an error leaves the process (HTTP body, `--json`). */
export interface ErrorDocument {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cure: string;
  readonly context?: ErrorContext;
}

/** What an error may have beside its code and message. */
interface ErrorOptions {
  readonly context?: ErrorContext;
  readonly cause?: unknown;
  /** What to do, where more is known than of the code in general. */
  readonly cure?: string;
}

/** An error with a code of the registry. */
export class KerneletError extends Error {
  readonly code: ErrorCode;
  readonly context: ErrorContext;
  /** What to do: that of the code, unless more is known here. */
  readonly cure: string;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KerneletError';
    this.code = code;
    this.context = options.context ?? {};
    this.cure = options.cure ?? errorCodes[code].cure;
  }

  /** What the registry says of this error's code. */
  get entry(): ErrorCodeEntry {
    return errorCodes[this.code];
  }

  /** The form that leaves the process, without secrets that others have repeated. */
  toDocument(): ErrorDocument {
    const base = { code: this.code, message: redactText(this.message), cure: this.cure };
    const facts = Object.entries(this.context);
    const shown = facts.map(([name, fact]) => [name, typeof fact === 'string' ? redactText(fact) : fact] as const);
    return shown.length === 0 ? base : { ...base, context: Object.fromEntries(shown) };
  }
}

/**
 * Turns anything thrown into a KerneletError: an abort becomes CANCELLED, that of a signal's time DEADLINE_EXCEEDED, the
 * rest INTERNAL; the cause is kept.
 */
export function toKerneletError(thrown: unknown): KerneletError {
  if (thrown instanceof KerneletError) return thrown;
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return new KerneletError('CANCELLED', 'the operation was cancelled', { cause: thrown });
  }
  if (thrown instanceof Error && thrown.name === 'TimeoutError') {
    return new KerneletError('DEADLINE_EXCEEDED', 'the operation took longer than it may', { cause: thrown });
  }
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new KerneletError('INTERNAL', `unexpected error: ${text}`, { cause: thrown });
}

/** Whether something thrown is a KerneletError with one of these codes. */
export function hasCode(thrown: unknown, ...codes: readonly ErrorCode[]): thrown is KerneletError {
  return thrown instanceof KerneletError && codes.includes(thrown.code);
}
