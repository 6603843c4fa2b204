/**
 * What a run says while nobody asks for it: bounded, the newest output is kept, and a line in its place says what was dropped.
 * Pure.
 */
import type { Generation3Event, NumberedGeneration3Event } from '../../protocol/generation-3.ts';

/** Bytes of output that wait. */
const maxBytes = 1024 * 1024;
/** Bytes of what is no output: a program may ask, and take its question back, without end. */
const maxOtherBytes = 256 * 1024;
/** What an event costs beside its bytes, about. */
const overheadBytes = 256;
/** An event's bytes may be a small part of what was read with them. */
const wasteFactor = 2;

/** Kinds whose events are output; the others say where a run stands, and always stay. */
const outputKinds: ReadonlySet<Generation3Event['kind']> = new Set(['stdout', 'stderr', 'html', 'media']);

/** The events of one run that wait to be asked for. */
export class Backlog {
  #events: NumberedGeneration3Event[] = [];
  #bytes = 0;
  #maxBytes = maxBytes;
  #otherBytes = 0;
  #droppedBytes = 0;
  #newest = 0;

  /**
   * Adds an event, and drops the oldest output for it when there is too much. Answers whether there may be more: false
   * when even without output there is too much.
   */
  push(event: NumberedGeneration3Event): boolean {
    const { n, body } = event;
    this.#newest = n;
    const isWasteful = body.length * wasteFactor < body.buffer.byteLength;
    this.#events.push(isWasteful ? { ...event, body: body.slice() } : event);
    this.#bytes += costOf(event);
    if (!isOutput(event)) this.#otherBytes += costOf(event);
    this.#fit();
    return this.#otherBytes < maxOtherBytes;
  }

  /** Drops all output, and what comes of it until everything has been taken. */
  dropOutput(): void {
    this.#maxBytes = 0;
    this.#fit();
  }

  /** Takes the oldest event; before it, or alone when nothing else is left, a line says what was dropped. */
  shift(): NumberedGeneration3Event | undefined {
    const dropped = this.#droppedBytes;
    const [first] = this.#events;
    if (dropped > 0) {
      this.#droppedBytes = 0;
      const text = `kernelet: ${dropped} bytes of output came while nobody asked for them, and were dropped\n`;
      return { n: first?.n ?? this.#newest, event: { kind: 'stderr' }, body: Buffer.from(text) };
    }
    this.#events.shift();
    if (!first) this.#maxBytes = maxBytes;
    else this.#subtract(first);
    return first;
  }

  #fit(): void {
    while (this.#bytes > this.#maxBytes && this.#dropOldest()) {
      // One more has to go.
    }
  }

  #dropOldest(): boolean {
    const at = this.#events.findIndex(isOutput);
    if (at < 0) return false;
    const [dropped] = this.#events.splice(at, 1);
    if (dropped) {
      this.#subtract(dropped);
      this.#droppedBytes += dropped.body.length;
    }
    return true;
  }

  #subtract(event: NumberedGeneration3Event): void {
    this.#bytes -= costOf(event);
    if (!isOutput(event)) this.#otherBytes -= costOf(event);
  }
}

const isOutput = ({ event }: NumberedGeneration3Event): boolean => outputKinds.has(event.kind);

const costOf = ({ event, body }: NumberedGeneration3Event): number =>
  body.length + (event.kind === 'waiting-input' ? event.prompt.length : 0) + overheadBytes;
