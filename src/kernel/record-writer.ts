/** Writes one kernel's record into the journal, and knows whether it is there as it is in memory. */
import type { EventSink } from '../events/kernel-event.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { isDiskFull } from '../lib/disk-space.ts';
import { hasCode, type KerneletError, toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Journal } from './journal.ts';
import type { KernelRecord } from './record.ts';

/** How long anybody waits for a write; it may come later all the same. */
export const recordDeadlineMs = 10_000;

/** What a writer works with. */
export interface RecordWriterParts {
  readonly journal: Pick<Journal, 'write' | 'remove'>;
  readonly events: Pick<EventSink<KernelRecord>, 'forget'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The writer of one kernel. */
export class RecordWriter {
  readonly #parts: RecordWriterParts;
  #unwritten: KerneletError | null = null;
  #underWay = 0;

  constructor(parts: RecordWriterParts) {
    this.#parts = parts;
  }

  /** Why the record is not on the disk as it was given last; null: it is. */
  get unwritten(): KerneletError | null {
    return this.#unwritten;
  }

  /** Whether it is not there because the disk is full or hangs: of one that is broken nobody knows whether it is ever well again. */
  get waitsForDisk(): boolean {
    return isDiskFull(this.#unwritten) || hasCode(this.#unwritten, 'DEADLINE_EXCEEDED');
  }

  /** Writes that have not ended, also those that nobody waits for any more. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Resolves with why that failed, or took too long; null: it is written. */
  async write(record: KernelRecord): Promise<KerneletError | null> {
    const { clock, journal, log } = this.#parts;
    try {
      await withDeadline({ what: 'writing the journal', timeoutMs: recordDeadlineMs, clock }, async () => {
        this.#underWay += 1;
        try {
          await journal.write(record);
        } finally {
          this.#underWay -= 1;
        }
      });
      this.#unwritten = null;
    } catch (thrown) {
      const error = toKerneletError(thrown);
      this.#unwritten = error;
      log.error('the journal could not be written', { error });
    }
    return this.#unwritten;
  }

  /** Removes it; its events are forgotten then, also when that is later than anybody waits for it. Never rejects. */
  async remove(record: KernelRecord): Promise<void> {
    const { clock, journal, events, log } = this.#parts;
    try {
      const options = { what: 'removing a record of the journal', timeoutMs: recordDeadlineMs, clock };
      await withDeadline(options, async () => {
        await journal.remove(record.spec.id);
        events.forget(record);
      });
    } catch (error) {
      log.error('the record could not be removed from the journal', { error });
    }
  }
}
