/**
 * Reads the engine's replies. Their shape is a matter of the engine's version and partly of tenants (labels, names), so
 * nothing is believed: an absent or odd field becomes the empty value of its kind. Progress and events are streams of JSON
 * documents, one a line.
 */
import { KerneletError } from '../../lib/errors.ts';

/** An object of unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object; an empty one when it is none. */
export function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The field as an object. */
export function child(from: Fields, key: string): Fields {
  return fields(from[key]);
}

/** The field as text; `''` when it is none. */
export function text(from: Fields, key: string): string {
  const value = from[key];
  return typeof value === 'string' ? value : '';
}

/** The field as a finite number; 0 when it is none. */
export function number(from: Fields, key: string): number {
  const value = from[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** Whether the field is `true`. */
export function flag(from: Fields, key: string): boolean {
  return from[key] === true;
}

/** The value as a list; an empty one when it is none. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list field. */
export function texts(from: Fields, key: string): readonly string[] {
  return list(from[key]).filter((item): item is string => typeof item === 'string');
}

/** The texts of a map field; a map without a prototype, since the keys are tenants' labels. */
export function textMap(from: Fields, key: string): Readonly<Record<string, string>> {
  const result: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(child(from, key))) {
    if (typeof value === 'string') result[name] = value;
  }
  return result;
}

/** The longest line that is kept; an event carries all labels of a container, which tenants write. */
const maxLine = 4 * 2 ** 20;

/** Takes bytes as they come and gives back whole documents. */
export class JsonLines {
  readonly #limit: number;
  readonly #decoder = new TextDecoder();
  #rest = '';

  constructor(limit: number = maxLine) {
    this.#limit = limit;
  }

  /** The documents that these bytes complete. Throws ENGINE_FAILED for a line that is not JSON or is too long. */
  push(chunk: Uint8Array): readonly Fields[] {
    return this.#split(this.#decoder.decode(chunk, { stream: true }));
  }

  /** What remains when the stream has ended. Throws ENGINE_FAILED when it was cut in the middle of a document. */
  end(): readonly Fields[] {
    return this.#split(`${this.#decoder.decode()}\n`);
  }

  #split(text: string): readonly Fields[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > this.#limit) {
      throw new KerneletError('ENGINE_FAILED', `the engine sent a line of more than ${this.#limit} characters`);
    }
    return lines.filter((line) => line.trim() !== '').map(parseLine);
  }
}

function parseLine(line: string): Fields {
  try {
    return fields(JSON.parse(line));
  } catch (cause) {
    const start = JSON.stringify(line.slice(0, 80));
    throw new KerneletError('ENGINE_FAILED', `the engine sent a line that is not JSON: ${start}`, { cause });
  }
}
