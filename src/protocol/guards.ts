/**
 * Guards for JSON from the other side of a socket: each gives back what it was asked to check, or throws FrameError. They are
 * not readers of `lib/json-reader.ts`, since every piece of output comes with a header: these check one in 60 ns, readers in
 * 800, which is more than parsing it takes.
 */
import type { RunId } from '../lib/ids.ts';
import { FrameError } from './frame.ts';

/** A JSON object of any shape. */
export type Fields = Readonly<Record<string, unknown>>;

const runIdForm = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether a field is not said, for which `null` counts too. */
export const isAbsent = (value: unknown): boolean => value === undefined || value === null;

/** An object, whatever its fields. */
export function object(value: unknown, what: string): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new FrameError(`${what} is not an object`);
  }
  return value as Fields;
}

/** A list of at most `max` items. */
export function list(value: unknown, what: string, max = Number.MAX_SAFE_INTEGER): readonly unknown[] {
  if (!Array.isArray(value)) throw new FrameError(`${what} is not a list`);
  if (value.length > max) throw new FrameError(`${what} has more than ${max} items`);
  return value;
}

/** A text of at most `max` characters. */
export function text(value: unknown, what: string, max = Number.MAX_SAFE_INTEGER): string {
  if (typeof value !== 'string') throw new FrameError(`${what} is not a text`);
  if (value.length > max) throw new FrameError(`${what} is longer than ${max} characters`);
  return value;
}

/** A NUL ends a C string: behind one, the operating system would see another word than the one that was checked. */
export function withoutNul(value: string, what: string): string {
  if (value.includes('\0')) throw new FrameError(`${what} contains a NUL`);
  return value;
}

/** A boolean, `true` or `false` and nothing that counts as one. */
export function flag(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw new FrameError(`${what} is not a boolean`);
  return value;
}

/** A finite number of at least `min`. */
export function finite(value: unknown, what: string, min = -Number.MAX_VALUE): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new FrameError(`${what} is not a number`);
  if (value < min) throw new FrameError(`${what} is below ${min}`);
  return value;
}

/** A whole number from `min` to `max`, both included. */
export function whole(
  value: unknown,
  what: string,
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new FrameError(`${what} is not a whole number`);
  if (value < min || value > max) throw new FrameError(`${what} is not from ${min} to ${max}`);
  return value;
}

/** One of the texts that are allowed. */
export function oneOf<T extends string>(value: unknown, allowed: readonly T[], what: string): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new FrameError(`${what} is none of ${allowed.join(', ')}`);
  return found;
}

/** The id of a run: up to 64 letters, digits, dots, dashes and underscores. */
export function runId(value: unknown): RunId {
  if (typeof value !== 'string' || !runIdForm.test(value)) throw new FrameError('run is not a run id');
  return value as RunId;
}
