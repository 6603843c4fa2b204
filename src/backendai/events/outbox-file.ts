/**
 * The outbox on disk: one file of JSON lines, a heading and then events and how far they were delivered. A line is
 * written with one system call, so that it survives the end of the process, and synced soon after, so that it survives
 * that of the machine. When most of the file is delivered, it is written anew.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fdatasync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';
import { newer, nullable, number, object, type Reader, such, text, whole } from '../../lib/json-reader.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { EncodedEvent } from '../redis/event-stream.ts';

/** An event with its number. */
export interface OutboxEntry {
  /** Its number in the series, from 1 on. */
  readonly sequence: number;
  readonly event: EncodedEvent;
}

/** What an outbox knows: what it has to send, and what it has once taken. */
export interface OutboxContent {
  /** Names the series of numbers: a file that was lost begins a new one. */
  readonly series: string;
  /** The number of the next event. */
  readonly next: number;
  /** In order, not yet delivered. */
  readonly pending: readonly OutboxEntry[];
  /** Names of events that are not taken a second time, the oldest first; their events may be delivered. */
  readonly names: readonly string[];
}

/** What a file may have of delivered lines before it is written anew. */
const minBytes = 256 * 1024;

/** The open file of one outbox. */
export class OutboxFile implements Disposable {
  readonly #path: string;
  #descriptor: number;
  #bytes: number;
  #syncing = false;
  #unsynced = false;

  /** What was there at the opening. */
  readonly loaded: OutboxContent;
  /** Where a file that could not be read was put; null: none was. */
  readonly setAside: string | null;

  /** Opens or makes it, and its folder. Throws STATE_UNUSABLE. */
  constructor(path: string) {
    this.#path = path;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const text = readOrNull(path);
      const content = text === null ? null : parseOutbox(text);
      this.setAside = text !== null && !content ? setAside(path) : null;
      this.loaded = content ?? newSeries();
      const written = this.#write(this.loaded);
      this.#descriptor = written.descriptor;
      this.#bytes = written.bytes;
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new KerneletError('STATE_UNUSABLE', `cannot open the outbox ${path}: ${text}`, { cause });
    }
  }

  /** Writes an event, and its name with it. Throws the system's error. */
  append({ sequence, event }: OutboxEntry, name: string | null): void {
    this.#line(eventLine(sequence, event, name));
    this.#sync();
  }

  /** Notes that a name may be used again. Throws the system's error. */
  free(name: string): void {
    this.#line(JSON.stringify({ freed: name }));
  }

  /** Notes that everything up to this number needs no delivery any more. Throws the system's error. */
  acknowledge(sequence: number, content: OutboxContent): void {
    const live = content.pending.reduce((sum, { event }) => sum + event.args.length * 1.4 + 150, 0);
    if (this.#bytes > minBytes + live * 2) this.replace(content);
    else this.#line(JSON.stringify({ acknowledged: sequence }));
  }

  /** Writes the file anew. Throws the system's error; the old one stands then. */
  replace(content: OutboxContent): void {
    const { descriptor, bytes } = this.#write(content);
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#bytes = bytes;
  }

  [Symbol.dispose](): void {
    if (this.#descriptor < 0) return;
    closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #line(text: string): void {
    // A line of its own, whatever became of the one before.
    const line = Buffer.from(`\n${text}\n`);
    const written = writeSync(this.#descriptor, line);
    this.#bytes += written;
    if (written < line.length) throw new Error(`only ${written} of ${line.length} bytes were written`);
  }

  /** Syncs soon; one at a time, and once more when lines came meanwhile. */
  #sync(): void {
    this.#unsynced = true;
    if (this.#syncing || this.#descriptor < 0) return;
    this.#syncing = true;
    this.#unsynced = false;
    fdatasync(this.#descriptor, () => {
      this.#syncing = false;
      if (this.#unsynced) this.#sync();
    });
  }

  #write(content: OutboxContent): { descriptor: number; bytes: number } {
    const headline = JSON.stringify({ format: 1, series: content.series, next: content.next });
    const names = content.names.map((once) => JSON.stringify({ once }));
    const lines = content.pending.map(({ sequence, event }) => eventLine(sequence, event, null));
    const text = `${[headline, ...names, ...lines].join('\n')}\n`;
    const unfinished = `${this.#path}.new`;
    writeFileSync(unfinished, text, { mode: 0o600 });
    const descriptor = openSync(unfinished, 'a');
    try {
      fsyncSync(descriptor);
      renameSync(unfinished, this.#path);
      const folder = openSync(dirname(this.#path), 'r');
      fsyncSync(folder);
      closeSync(folder);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return { descriptor, bytes: Buffer.byteLength(text) };
  }
}

/** An outbox with nothing in it. */
export function newSeries(): OutboxContent {
  return { series: randomUUID(), next: 1, pending: [], names: [] };
}

const heading = object((field) => ({
  format: field(
    'format',
    such(whole, (format) => format === 1, '1'),
  ),
  series: field('series', text),
  next: field(
    'next',
    such(whole, (next) => next > 0, 'a number of 1 or more'),
  ),
}));

const optionalText = newer(nullable(text), null);

/** A line has one of `acknowledged`, `freed`, `once` alone, or an event, which may have `once` beside it. */
const readLine = object((field) => ({
  acknowledged: field('acknowledged', newer(nullable(number), null)),
  freed: field('freed', optionalText),
  once: field('once', optionalText),
  sequence: field('sequence', newer(nullable(number), null)),
  name: field('name', optionalText),
  source: field('source', optionalText),
  args: field('args', optionalText),
}));

/** Reads a file; torn and foreign lines are left out. null when it has no heading. */
export function parseOutbox(content: string): OutboxContent | null {
  const [first = '', ...lines] = content.split('\n');
  const begin = parsed(heading, first);
  if (begin === null) return null;
  let { next } = begin;
  const entries: OutboxEntry[] = [];
  const names = new Set<string>();
  let delivered = 0;
  for (const line of lines) {
    const fields = line === '' ? null : parsed(readLine, line);
    if (fields === null) continue;
    const { acknowledged, freed, once, sequence, name, source, args } = fields;
    if (acknowledged !== null) {
      delivered = acknowledged;
    } else if (freed !== null) {
      names.delete(freed);
    } else if (sequence === null) {
      if (once !== null) names.add(once);
    } else if (sequence > (entries.at(-1)?.sequence ?? 0) && name !== null && source !== null && args !== null) {
      entries.push({ sequence, event: { name, source, args: Buffer.from(args, 'base64') } });
      next = Math.max(next, sequence + 1);
      if (once !== null) names.add(once);
    }
  }
  const pending = entries.filter(({ sequence }) => sequence > delivered);
  return { series: begin.series, next, pending, names: [...names] };
}

function parsed<T>(read: Reader<T>, line: string): T | null {
  try {
    return read(JSON.parse(line), 'the line');
  } catch {
    return null;
  }
}

function eventLine(sequence: number, { name, source, args }: EncodedEvent, once: string | null): string {
  const fields = { sequence, name, source, args: Buffer.from(args).toString('base64') };
  return JSON.stringify(once === null ? fields : { ...fields, once });
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return null;
    throw thrown;
  }
}

function setAside(path: string): string {
  const aside = `${path}.damaged`;
  renameSync(path, aside);
  return aside;
}
