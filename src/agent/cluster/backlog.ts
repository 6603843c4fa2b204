/**
 * What a run says while nobody asks for it: bounded, the newest output is kept, and what was dropped is told in its place.
 * Pure.
 */
import type { NumberedRunEvent, RunEvent } from '../../wire/run-event.ts';

/** Bytes of output that wait. */
const mostBytes = 1024 * 1024;
/** What an event costs beside its bytes, about. */
const overheadBytes = 256;
/** An event's bytes may be a small part of what was read with them. */
const wasteFactor = 2;

/** Kinds whose events are output; the others say where a run stands, are few, and always stay. */
const outputKinds: ReadonlySet<RunEvent['kind']> = new Set(['stdout', 'stderr', 'html', 'media']);

/** The events of one run that wait to be asked for. */
export class Backlog {
  #events: NumberedRunEvent[] = [];
  #bytes = 0;
  #mostBytes = mostBytes;
  #droppedBytes = 0;
  #newest = 0;

  /** Adds an event, and drops the oldest output for it when there is too much. */
  push(event: NumberedRunEvent): void {
    const { n, body } = event;
    this.#newest = n;
    const isWasteful = body.length * wasteFactor < body.buffer.byteLength;
    this.#events.push(isWasteful ? { ...event, body: body.slice() } : event);
    this.#bytes += costOf(event);
    this.#fit();
  }

  /** Drops all output, and what comes of it until everything has been taken. */
  stint(): void {
    this.#mostBytes = 0;
    this.#fit();
  }

  /** Takes the oldest event; before it, or alone when nothing else is left, what was dropped is told. */
  shift(): NumberedRunEvent | undefined {
    const dropped = this.#droppedBytes;
    const [first] = this.#events;
    if (dropped > 0) {
      this.#droppedBytes = 0;
      const text = `kernelet: ${dropped} bytes of output came while nobody asked for them, and were dropped\n`;
      return { n: first?.n ?? this.#newest, event: { kind: 'stderr' }, body: Buffer.from(text) };
    }
    this.#events.shift();
    if (first) this.#bytes -= costOf(first);
    else this.#mostBytes = mostBytes;
    return first;
  }

  #fit(): void {
    while (this.#bytes > this.#mostBytes && this.#dropOldest()) {
      // One more has to go.
    }
  }

  #dropOldest(): boolean {
    const at = this.#events.findIndex(({ event }) => outputKinds.has(event.kind));
    if (at < 0) return false;
    const [dropped] = this.#events.splice(at, 1);
    if (dropped) {
      this.#bytes -= costOf(dropped);
      this.#droppedBytes += dropped.body.length;
    }
    return true;
  }
}

const costOf = ({ body }: NumberedRunEvent): number => body.length + overheadBytes;
