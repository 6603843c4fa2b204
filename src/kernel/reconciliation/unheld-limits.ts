/**
 * Limits that no engine keeps but this host, of kernels that run on: those that could not be set when the kernels were taken over
 * after a start. They are tried again until they hold, and told until then.
 */
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { toKerneletError } from '../../lib/errors.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import type { CreationStep } from '../creation/step.ts';
import type { KernelPhase, KernelRecord } from '../record.ts';

interface Unheld {
  readonly step: CreationStep;
  /** Of the container whose limit it is; the next one's are set by its own start. */
  readonly generation: number;
  readonly problem: string;
}

const endings: ReadonlySet<KernelPhase> = new Set(['terminating', 'terminated']);

/** The limits that do not hold. */
export class UnheldLimits {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #unheld = new Map<KernelId, readonly Unheld[]>();

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Remembers that what this step limits does not hold. */
  add({ spec, generation }: KernelRecord, step: CreationStep, error: unknown): void {
    const problem = `not limited since the daemon’s start, and tried again: ${toKerneletError(error).message}`;
    this.#unheld.set(spec.id, [...(this.#unheld.get(spec.id) ?? []), { step, generation, problem }]);
  }

  /** What a kernel is not held to, in one sentence each. */
  of(id: KernelId): readonly string[] {
    return (this.#unheld.get(id) ?? []).map(({ problem }) => problem);
  }

  /** Tries them all again, side by side. `recordOf` gives null for kernels that are gone. Never rejects. */
  async retry(recordOf: (id: KernelId) => KernelRecord | null, signal: AbortSignal): Promise<void> {
    await Promise.all(
      [...this.#unheld].map(async ([id, unheld]) => {
        const left = await Promise.all(unheld.map((one) => this.#retryOne(one, () => recordOf(id), signal)));
        const still = left.filter((one) => one !== null);
        if (still.length === 0) this.#unheld.delete(id);
        else this.#unheld.set(id, still);
      }),
    );
  }

  /** Null: it holds, or its container is no more. */
  async #retryOne(one: Unheld, recordOf: () => KernelRecord | null, signal: AbortSignal): Promise<Unheld | null> {
    const { step, generation } = one;
    const record = recordOf();
    if (record === null || record.generation !== generation || record.phase !== 'running') return null;
    const fields = { kernel: record.spec.id, step: step.name };
    const options = { what: `limiting the kernel (${step.name})`, timeoutMs: step.deadlineMs, clock: this.#clock };
    try {
      await withDeadline({ ...options, signal }, async (deadline) => await step.adopt?.(record, deadline));
      this.#log.info('a limit that could not be set at the start holds now', fields);
      return null;
    } catch {
      return one;
    } finally {
      // The end of its kernel may have undone the step before this has made something. What outlives a container, its home
      // above all, goes with the kernel's folders.
      const isEnding = endings.has(recordOf()?.phase ?? 'terminated');
      if (isEnding && step.scope === 'generation') {
        await withDeadline(options, (deadline) => step.revert(record, deadline)).catch((error: unknown) => {
          this.#log.warn('what limited a kernel that has ended could not be removed', { ...fields, error });
        });
      }
    }
  }
}
