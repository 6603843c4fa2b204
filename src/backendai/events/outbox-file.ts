/**
 * The outbox on disk: one file of JSON lines, a heading and then events and how far they were delivered. A line is
 * written with one system call, so that it survives the end of the process, and synced soon after, so that it survives
 * that of the machine; for that waits what has a name, and who asks for it. When most of the file is delivered, it is written anew.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type AppendCalls, appendCalls, appendLine } from '../../lib/appended-file.ts';
import { syncFolderNow, unfinishedFileForm, writeFileAtomic } from '../../lib/atomic-file.ts';
import { KerneletError } from '../../lib/errors.ts';
import { newer, nullable, number, object, readOrNull, such, text, truth, whole } from '../../lib/json-reader.ts';
import type { StateWrites } from '../../lib/state-writes.ts';
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
  /**
   * From this number on the server may have others of the same numbers, which a loss of power took from the file; null: it was asked, and
   * had none.
   */
  readonly doubtful: number | null;
  /** In order, not yet delivered. */
  readonly pending: readonly OutboxEntry[];
  /** Names of events that are not taken a second time, the oldest first; their events may be delivered. */
  readonly names: readonly string[];
}

/** What a file may have of delivered lines before it is written anew. */
const minBytes = 256 * 1024;

/** How to open an outbox's file. */
export interface OutboxFileOptions {
  /** In whose order it is written, among what else the state folder is told. */
  readonly writes: StateWrites;
  /** The system's own when absent. */
  readonly calls?: AppendCalls;
  /** Told of a sync that failed. */
  readonly onUnsynced?: (error: unknown) => void;
}

/** How long the end waits for a disk that hangs; the process's end closes the file then. */
const closeMs = 3_000;

/**
 * The open file of one outbox. Its writes are done in the order in which they are asked for; they reject with the system's
 * error, and with STATE_UNUSABLE when too many wait.
 */
export class OutboxFile implements AsyncDisposable {
  readonly #path: string;
  readonly #writes: StateWrites;
  readonly #calls: AppendCalls;
  #descriptor: number;
  #closed = false;
  #bytes: number;
  /** One content at a time waits for the disk, however many acknowledgements do. */
  #isRewriteQueued = false;
  /** Told when what was written may not be on the disk. */
  readonly #onUnsynced: (error: unknown) => void;

  /** What was there at the opening. */
  readonly loaded: OutboxContent;
  /** Where a file that could not be read was put; null: none was. */
  readonly setAside: string | null;

  /** Opens or makes it, and its folder, before it returns: nobody is served yet. Throws STATE_UNUSABLE. */
  constructor(path: string, { writes, calls = appendCalls, onUnsynced = () => {} }: OutboxFileOptions) {
    this.#path = path;
    this.#writes = writes;
    this.#calls = calls;
    this.#onUnsynced = onUnsynced;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      removeUnfinished(dirname(path));
      const text = readFileOrNull(path);
      const content = text === null ? null : parseOutbox(text);
      this.setAside = text !== null && !content ? setAside(path) : null;
      const found = content ?? newSeries();
      // What an earlier process did not come to ask about is as doubtful now.
      this.loaded = { ...found, doubtful: found.doubtful ?? found.next };
      const first = textOf(this.loaded);
      this.#descriptor = writeNew(path, first);
      this.#bytes = Buffer.byteLength(first);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new KerneletError('STATE_UNUSABLE', `cannot open the outbox ${path}: ${text}`, { cause });
    }
  }

  /**
   * Writes an event, and its name with it. Resolves when that is written; of one with a name, when it is synced: sent before, it
   * would be told once more after a loss of power that takes the name.
   */
  async append({ sequence, event }: OutboxEntry, name: string | null): Promise<void> {
    const { synced } = await this.#syncedLine(eventLine(sequence, event, name));
    if (name !== null) await synced;
  }

  /** Notes that the server was asked for the doubtful numbers and had none. Resolves when that is synced. */
  async noteAsked(): Promise<void> {
    const { synced } = await this.#syncedLine(JSON.stringify({ asked: true }));
    await synced;
  }

  /** Writes a line; `synced` resolves later. In an object, for else it would be waited for with the line. */
  async #syncedLine(line: string): Promise<{ readonly synced: Promise<void> }> {
    let synced = Promise.resolve();
    await this.#writes.append(line.length, async () => {
      await this.#line(line);
      synced = this.#writes.sync(this, () => this.#sync(), this.#onUnsynced);
    });
    return { synced };
  }

  /** Notes that a name may be used again. */
  free(name: string): Promise<void> {
    return this.#writes.append(name.length, () => this.#line(JSON.stringify({ freed: name })));
  }

  /**
   * Notes that everything up to this number needs no delivery any more. `content` is asked for at once, and only where the
   * file may be written anew: what is queued after this may free a name whose event it would have without.
   */
  async acknowledge(sequence: number, content: () => OutboxContent): Promise<void> {
    const line = JSON.stringify({ acknowledged: sequence });
    const now = this.#bytes <= minBytes || this.#isRewriteQueued ? null : content();
    if (now === null || this.#bytes <= minBytes + liveBytes(now) * 2) {
      return await this.#writes.append(line.length, () => this.#line(line));
    }
    this.#isRewriteQueued = true;
    try {
      await this.replace(now);
    } finally {
      this.#isRewriteQueued = false;
    }
  }

  /** Writes the file anew; when that fails, the old one stands. `content` must not change afterwards. */
  replace(content: OutboxContent): Promise<void> {
    return this.#writes.append(costOf(content), () => this.#replace(content));
  }

  /** Closes the file when what waits is written, within a bound. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!(await this.#writes.settled(closeMs))) return;
    this.#closed = true;
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    if (descriptor >= 0) await this.#calls.close(descriptor);
  }

  async #sync(): Promise<void> {
    // What was there when it was written anew is synced.
    if (this.#descriptor >= 0) await this.#calls.sync(this.#descriptor);
  }

  async #replace(content: OutboxContent): Promise<void> {
    const text = textOf(content);
    const last = this.#descriptor;
    try {
      await writeFileAtomic(this.#path, text);
      this.#bytes = Buffer.byteLength(text);
    } finally {
      // Also one that failed may be in its place, where only its folder was not synced: lines for the file that was there would be lost.
      this.#descriptor = -1;
      if (last >= 0) await this.#calls.close(last);
    }
    this.#descriptor = await this.#calls.open(this.#path);
  }

  async #line(text: string): Promise<void> {
    // A line of its own, whatever became of the one before.
    const line = Buffer.from(`\n${text}\n`);
    // It could not be opened when it was written anew.
    if (this.#descriptor < 0 && !this.#closed) this.#descriptor = await this.#calls.open(this.#path);
    await appendLine(this.#calls, this.#descriptor, line);
    this.#bytes += line.length;
  }
}

/** What the first process of a file does; nothing else may have it open. */
function writeNew(path: string, text: string): number {
  const unfinished = `${path}.new`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  const descriptor = openSync(unfinished, 'a');
  try {
    fsyncSync(descriptor);
    renameSync(unfinished, path);
    // The folder's own name too: it may just have been made.
    for (const folder of [dirname(path), dirname(dirname(path))]) syncFolderNow(folder);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return descriptor;
}

function textOf(content: OutboxContent): string {
  const { series, next, doubtful } = content;
  const headline = JSON.stringify({ format: 1, series, next, ...(doubtful !== null && { doubtful }) });
  const names = content.names.map((once) => JSON.stringify({ once }));
  const lines = content.pending.map(({ sequence, event }) => eventLine(sequence, event, null));
  return `${[headline, ...names, ...lines].join('\n')}\n`;
}

/** About what is to be delivered takes in a file. */
const liveBytes = ({ pending }: OutboxContent): number =>
  pending.reduce((sum, { event }) => sum + event.args.length * 1.4 + 150, 0);

/** The events themselves are the outbox's: what waits has references to them. */
function costOf({ pending, names }: OutboxContent): number {
  return 8 * (pending.length + names.length);
}

/** An outbox with nothing in it. */
export function newSeries(): OutboxContent {
  return { series: randomUUID(), next: 1, doubtful: null, pending: [], names: [] };
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
  doubtful: field('doubtful', newer(nullable(number), null)),
}));

const optionalText = newer(nullable(text), null);

/** A line has one of `acknowledged`, `asked`, `freed`, `once` alone, or an event, which may have `once` beside it. */
const readLine = object((field) => ({
  acknowledged: field('acknowledged', newer(nullable(number), null)),
  asked: field('asked', newer(truth, false)),
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
  const begin = readOrNull(heading, first);
  if (begin === null) return null;
  let { next, doubtful } = begin;
  const entries: OutboxEntry[] = [];
  const names = new Set<string>();
  let delivered = 0;
  for (const line of lines) {
    const fields = line === '' ? null : readOrNull(readLine, line);
    if (fields === null) continue;
    const { acknowledged, asked, freed, once, sequence, name, source, args } = fields;
    if (asked) {
      doubtful = null;
    } else if (acknowledged !== null) {
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
  return { series: begin.series, next, doubtful, pending, names: [...names] };
}

function eventLine(sequence: number, { name, source, args }: EncodedEvent, once: string | null): string {
  const fields = { sequence, name, source, args: Buffer.from(args).toString('base64') };
  return JSON.stringify(once === null ? fields : { ...fields, once });
}

function readFileOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return null;
    throw thrown;
  }
}

/** What a process left that ended while it wrote the file anew. */
function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder))
    if (unfinishedFileForm.test(name)) rmSync(join(folder, name), { force: true });
}

function setAside(path: string): string {
  const aside = `${path}.damaged`;
  renameSync(path, aside);
  return aside;
}
