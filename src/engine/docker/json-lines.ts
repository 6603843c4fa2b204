/** Splits a stream of JSON documents, one a line, as the engine sends progress and events. */
import { KerneletError } from '../../lib/errors.ts';
import { type Fields, fields } from './fields.ts';

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
