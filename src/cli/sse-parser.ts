/**
 * Server-sent events out of a byte stream that may be split anywhere. Works on Buffers: at 100 MB/s a line of output
 * is looked through once for its end and decoded once.
 */
import { KerneletError } from '../lib/errors.ts';

/** An event of a stream, its data as the bytes that came. */
export interface ServerEvent {
  readonly id: string | undefined;
  /** `message` when the stream names none. */
  readonly type: string;
  readonly data: Buffer;
}

/** The most bytes of one line: the largest frame in base64, with its head. */
const maxLineBytes = 4 * 1024 * 1024;
const lineFeed = 10;
const carriageReturn = 13;
const colon = 58;
const space = 32;

/** Cuts a stream into events. */
export class SseParser {
  #rest: Buffer[] = [];
  #restBytes = 0;
  #id: string | undefined;
  #type = 'message';
  #data: Buffer[] = [];

  /** Takes bytes and returns the events that they complete. Throws PROTOCOL_ERROR for a line beyond all bounds. */
  push(chunk: Uint8Array): ServerEvent[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const events: ServerEvent[] = [];
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(lineFeed, start);
      if (end < 0) break;
      this.#line(this.#complete(bytes.subarray(start, end)), events);
      start = end + 1;
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start));
    return events;
  }

  #keep(part: Buffer): void {
    this.#rest.push(part);
    this.#restBytes += part.length;
    if (this.#restBytes > maxLineBytes) throw new KerneletError('PROTOCOL_ERROR', 'the API sent a line without end');
  }

  #complete(last: Buffer): Buffer {
    let line = last;
    if (this.#rest.length > 0) {
      line = Buffer.concat([...this.#rest, last]);
      this.#rest = [];
      this.#restBytes = 0;
    }
    return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
  }

  #line(line: Buffer, events: ServerEvent[]): void {
    if (line.length === 0) {
      if (this.#data.length > 0) {
        const data = this.#data.length === 1 ? this.#data[0] : undefined;
        events.push({ id: this.#id, type: this.#type, data: data ?? joinLines(this.#data) });
      }
      this.#data = [];
      this.#type = 'message';
      return;
    }
    const at = line.subarray(0, 16).indexOf(colon);
    if (at === 0) return;
    const field = at < 0 ? line.toString() : line.toString('latin1', 0, at);
    const from = at < 0 ? line.length : line[at + 1] === space ? at + 2 : at + 1;
    if (field === 'data') this.#data.push(line.subarray(from));
    else if (field === 'event') this.#type = line.toString('utf8', from);
    else if (field === 'id') this.#id = line.toString('utf8', from);
  }
}

function joinLines(lines: readonly Buffer[]): Buffer {
  return Buffer.from(lines.map((line) => line.toString()).join('\n'));
}
