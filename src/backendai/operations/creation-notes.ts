/**
 * Creations that a manager has asked for, noted until the kernel's own record and events tell of it: its image may be pulled first, and
 * it may wait for its turn. What a process that was killed leaves so, the next one reports as failed within seconds; the call itself,
 * whose reply managers wait for, went with the process.
 */
import type { KernelId, SessionId } from '../../lib/ids.ts';
import { parseSessionId } from '../../lib/ids.ts';
import { object, type Reader, text } from '../../lib/json-reader.ts';
import type { Logger } from '../../lib/log.ts';
import type { JsonStore } from '../../storage/json-store.ts';

/** What is kept of a creation over a restart, by the kernel's id. */
export interface CreationNote {
  readonly session: SessionId;
}

/** Reads what a state folder holds of a creation. Throws JsonFormError, or the form error of an id. */
export const creationNote: Reader<CreationNote> = object((of) => ({
  session: of('session', (value, place) => parseSessionId(text(value, place))),
}));

/** Where they are noted, and who is told. */
export interface CreationNotesParts {
  readonly notes: Pick<JsonStore<CreationNote>, 'all' | 'put' | 'remove'>;
  /** Tells managers that nothing came of a kernel, once until the name is freed. */
  readonly tellFailed: (kernel: KernelId, session: SessionId, once: string) => void;
  readonly freeName: (once: string) => void;
  /** Whether the kernel's end was published, by an earlier process too. */
  readonly hasEnded: (kernel: KernelId) => boolean;
  readonly log: Logger;
}

/** Under what name it is told that nothing came of a kernel. */
export const failedCreationName = (kernel: KernelId): string => `creation ${kernel}`;

/** The notes. Where the disk takes none, a creation goes on without. */
export class CreationNotes {
  readonly #parts: CreationNotesParts;
  /** What an earlier process has left. */
  readonly #left: readonly (readonly [KernelId, CreationNote])[];

  constructor(parts: CreationNotesParts) {
    this.#parts = parts;
    this.#left = [...parts.notes.all].map(([kernel, note]) => [kernel as KernelId, note]);
  }

  /** Notes that a creation has begun; it is on the disk when this resolves. Never rejects. */
  async begin(kernel: KernelId, session: SessionId): Promise<void> {
    const { notes, log } = this.#parts;
    await notes.put(kernel, { session }).catch((error: unknown) => {
      log.warn('a creation could not be noted', { kernel, error });
    });
  }

  /** The kernel tells of itself, or it was told that nothing came of it. Never rejects. */
  async end(kernel: KernelId): Promise<void> {
    const { notes, freeName, log } = this.#parts;
    try {
      await notes.remove(kernel);
      freeName(failedCreationName(kernel));
    } catch (error) {
      log.warn('the note of a creation could not be removed', { kernel, error });
    }
  }

  /** Tells of what an earlier process has left. Call it after recovery: `here` are kernels that tell of themselves. */
  tellLeft(here: ReadonlySet<KernelId>): void {
    const { tellFailed, hasEnded, log } = this.#parts;
    for (const [kernel, { session }] of this.#left) {
      if (!here.has(kernel) && !hasEnded(kernel)) {
        log.warn('a creation was cut off before there was anything of its kernel', { kernel });
        tellFailed(kernel, session, failedCreationName(kernel));
      }
      void this.end(kernel);
    }
  }
}
