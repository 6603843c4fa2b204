/**
 * Events on disk: JSON documents, one a line, in a file that is set aside when it is full; at most two files stay. What
 * stands aside then are the events that stay, of which no kernel has more than its share. A
 * line is written with one system call before its event is shown to readers, so that no number is used twice after a
 * crash of the daemon. Ends of kernels are synced too, before they are shown and before their records go; a crash of the machine
 * may lose the last ones of the others.
 */
import { fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type AppendCalls, appendCalls, appendLine } from '../lib/appended-file.ts';
import { syncFolder, syncFolderNow, writeFileAtomic } from '../lib/atomic-file.ts';
import { KerneletError } from '../lib/errors.ts';
import { number, object, type Reader, readOrNull, text, whole } from '../lib/json-reader.ts';
import type { StateWrites } from '../lib/state-writes.ts';
import { isSystemError } from '../lib/system-error.ts';
import { keepFairly } from './fair-share.ts';
import type { KernelEvent, NumberedKernelEvent } from './kernel-event.ts';

const currentName = 'events.jsonl';
const olderName = 'events.older.jsonl';
/** Empty as long as it has this name. */
const nextName = 'events.next.jsonl';

/** How to open the files. */
export interface EventFileOptions {
  /** Size at which a file is set aside. */
  readonly maxBytes: number;
  /** In whose order events are written. */
  readonly writes: StateWrites;
  /** The events that are known when a file is full. */
  readonly known: () => readonly NumberedKernelEvent[];
  /** The system's own when absent. */
  readonly calls?: AppendCalls;
  /** Told of a sync that failed. */
  readonly onUnsynced: (error: unknown) => void;
}

/** How long the end waits for a disk that hangs; the process's end closes the file then. */
const closeMs = 3_000;

/** The files of one folder. Throws STATE_UNUSABLE when they cannot be opened or read. */
export class EventFile implements AsyncDisposable {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #writes: StateWrites;
  readonly #known: () => readonly NumberedKernelEvent[];
  readonly #calls: AppendCalls;
  readonly #onUnsynced: (error: unknown) => void;
  #descriptor: number;
  #bytes: number;
  /** Whether the file ends within a line: of a crash, or of a write that the disk took in part. */
  #torn: boolean;
  readonly #loaded: readonly NumberedKernelEvent[];

  /** Makes the folder. What is there is read before this returns: nobody is served yet. */
  constructor(folder: string, { maxBytes, writes, known, calls = appendCalls, onUnsynced }: EventFileOptions) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#writes = writes;
    this.#known = known;
    this.#calls = calls;
    this.#onUnsynced = onUnsynced;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const current = readOrEmpty(join(folder, currentName));
      this.#loaded = parseEvents(`${readOrEmpty(join(folder, olderName))}\n${current}`);
      this.#torn = current !== '' && !current.endsWith('\n');
      this.#descriptor = openSync(join(folder, currentName), 'a', 0o600);
      this.#bytes = fstatSync(this.#descriptor).size;
      // What is synced later lies in it by this name.
      for (const path of [folder, dirname(folder)]) syncFolderNow(path);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new KerneletError('STATE_UNUSABLE', `cannot open the event log in ${folder}: ${text}`, { cause });
    }
  }

  /** The events that were there at the opening, in order. */
  get loaded(): readonly NumberedKernelEvent[] {
    return this.#loaded;
  }

  /**
   * Writes an event after those before it; resolves when the system has it, or the disk where it is to be synced. Rejects with
   * the system's error, and with STATE_UNUSABLE when too many wait; the next call begins a line of its own all the same.
   */
  async append(event: NumberedKernelEvent, { synced: isSynced }: { readonly synced: boolean }): Promise<void> {
    const line = lineOf(event);
    let synced = Promise.resolve();
    await this.#writes.append(line.length, async () => {
      await this.#write(line);
      if (isSynced) synced = this.#writes.sync(this, () => this.#sync(), this.#onUnsynced);
    });
    await synced;
  }

  /** Closes the file when what waits is written, within a bound. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#descriptor < 0 || !(await this.#writes.settled(closeMs))) return;
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    await this.#calls.close(descriptor);
  }

  async #write(text: string): Promise<void> {
    if (this.#bytes >= this.#maxBytes) await this.#rotate();
    const line = Buffer.from(`${this.#torn ? '\n' : ''}${text}`);
    this.#torn = true;
    await appendLine(this.#calls, this.#descriptor, line);
    this.#bytes += line.length;
    this.#torn = false;
  }

  async #sync(): Promise<void> {
    if (this.#descriptor >= 0) await this.#calls.sync(this.#descriptor);
  }

  async #rotate(): Promise<void> {
    const current = join(this.#folder, currentName);
    const older = join(this.#folder, olderName);
    const next = (await this.#setAside(older)) ? await this.#replace(current) : await this.#move(current, older);
    const last = this.#descriptor;
    this.#descriptor = next;
    this.#bytes = 0;
    this.#torn = false;
    // Lines that are synced later lie in it by its name.
    await syncFolder(this.#folder).catch(this.#onUnsynced);
    await this.#calls.close(last);
  }

  /** Writes the events that stay to a file; false when there is no room for it. */
  async #setAside(older: string): Promise<boolean> {
    try {
      const lines = new Map(this.#known().map((event) => [event, lineOf(event)]));
      const line = (event: NumberedKernelEvent): string => lines.get(event) ?? lineOf(event);
      const kept = keepFairly([...lines.keys()], this.#maxBytes, (event) => Buffer.byteLength(line(event)));
      await writeFileAtomic(older, kept.map(line).join(''));
      return true;
    } catch {
      return false;
    }
  }

  /** Puts an empty file in place of the current one, which stays when none can be had. */
  async #replace(current: string): Promise<number> {
    const path = join(this.#folder, nextName);
    const next = await this.#calls.open(path);
    try {
      // A crash before this leaves lines that are in both files, of which the first counts.
      await rename(path, current);
    } catch (thrown) {
      await this.#calls.close(next);
      throw thrown;
    }
    return next;
  }

  /** Has the current file take the place of what stood aside. */
  async #move(current: string, older: string): Promise<number> {
    // Whoever waits for a sync waits for one of the next file from here on.
    await this.#sync().catch(this.#onUnsynced);
    try {
      await rename(current, older);
    } catch (thrown) {
      // Somebody has removed it: a new one replaces it all the same.
      if (!isSystemError(thrown, 'ENOENT')) throw thrown;
    }
    return await this.#calls.open(current);
  }
}

/** An event as it stands in a file. */
const lineOf = (event: NumberedKernelEvent): string => `${JSON.stringify(event)}\n`;

/** Reads the lines that are events whose numbers grow; torn and foreign lines are left out. */
export function parseEvents(text: string): readonly NumberedKernelEvent[] {
  const events: NumberedKernelEvent[] = [];
  let last = 0;
  for (const line of text.split('\n')) {
    const event = parseLine(line);
    if (!event || event.sequence <= last) continue;
    last = event.sequence;
    events.push(event);
  }
  return events;
}

/** Only the type is looked at: an event of another version of this program is shown as it was written. */
const kernelEvent: Reader<KernelEvent> = (value, place) => {
  object((of) => of('type', text))(value, place);
  return value as KernelEvent;
};

const numberedEvent: Reader<NumberedKernelEvent> = object((of) => ({
  sequence: of('sequence', whole),
  at: of('at', number),
  event: of('event', kernelEvent),
}));

const parseLine = (line: string): NumberedKernelEvent | null => (line === '' ? null : readOrNull(numberedEvent, line));

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return '';
    throw thrown;
  }
}
