/**
 * Kernels as managers create them: some of one session in one call, which succeeds as a whole or leaves nothing; the
 * same call again has the same answer (spec rpc 8.6).
 */
import type { Agent, CreateRequest, KernelView } from '../../agent/agent.ts';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { hasCode, KerneletError } from '../../lib/errors.ts';
import type { KernelId, SessionId } from '../../lib/ids.ts';
import { Semaphore } from '../../lib/semaphore.ts';
import type { CreationInfo } from '../wire/events/info-maps.ts';
import type { CreationNotes } from './creation-notes.ts';
import { type NamedImage, needsPull } from './image-tasks.ts';

/** A kernel that a manager wants. */
export interface RequestedKernel {
  readonly id: KernelId;
  readonly session: SessionId;
  /** Without the policy of pulling, which depends on what is here. */
  readonly request: Omit<CreateRequest, 'id' | 'sessionId' | 'pull'> & { readonly image: string };
  readonly pull: NamedImage['pull'];
  readonly imageId: string;
  /** What of the request is left out, for the log. */
  readonly warnings: readonly string[];
}

/** What managers hear on the way. */
export interface CreationNotifier {
  /** The image is pulled, which comes before any event of the kernel itself. */
  notifyPulling(kernel: KernelId, session: SessionId, image: string): void;
  /** Nothing came of the kernel; published only when there was no event of the kernel itself after that of its pulling. */
  notifyFailed(kernel: KernelId, session: SessionId): void;
  /** Resources were not there that the manager took for free. */
  askResourceCheck(): void;
  suppressTermination(kernel: KernelId): Promise<void>;
}

/** What makes kernels, who hears of it, and how many at once. */
export interface CreationsParts {
  readonly agent: Pick<Agent, 'create' | 'list' | 'destroy' | 'inspectImage' | 'provideImage'>;
  readonly notifier: CreationNotifier;
  readonly notes: Pick<CreationNotes, 'begin' | 'end'>;
  readonly infoOf: (kernel: KernelId) => CreationInfo;
  /** Kernels that are created at once. */
  readonly concurrency: number;
  /** For pulling an image; null: none. */
  readonly pullTimeoutMs: number | null;
  readonly clock: Clock;
}

interface OpenCreation {
  readonly made: Promise<CreationInfo>;
  readonly controller: AbortController;
}

/** Images that are pulled at once; kernels with one image wait for one pull. */
const maxPulls = 3;
const endlessMs = 2 ** 31 - 1;
/** A disk that hangs has creations refused. */
const noteMs = 10_000;

/** The creations that are going on. */
export class Creations {
  readonly #parts: CreationsParts;
  readonly #creating: Semaphore;
  readonly #pulls = new Semaphore(maxPulls);
  readonly #open = new Map<KernelId, OpenCreation>();
  /** Calls under way, their undoing included, by the kernels that they name. */
  readonly #calls = new Map<string, Promise<readonly CreationInfo[]>>();

  constructor(parts: CreationsParts) {
    this.#parts = parts;
    this.#creating = new Semaphore(parts.concurrency);
  }

  /** The kernels that calls are creating, though nothing of them may be here yet. */
  get open(): readonly KernelId[] {
    return [...this.#open.keys()];
  }

  /** Whether a call is creating this kernel, though nothing of it may be here yet. */
  isCreating(kernel: KernelId): boolean {
    return this.#open.has(kernel);
  }

  /**
   * Creates all of them and gives what managers read of each. When one fails, those that this call has made are ended
   * again. The same call meanwhile has the same outcome, and kernels that run are answered with. Throws what the agent's
   * `create` throws, and KERNEL_EXISTS for a kernel that is neither; several failures as an AggregateError.
   */
  create(kernels: readonly RequestedKernel[], signal: AbortSignal): Promise<readonly CreationInfo[]> {
    const key = kernels.map(({ id }) => id).join();
    const known = this.#calls.get(key);
    if (known) return known;
    const call = this.#all(kernels, signal).finally(() => this.#calls.delete(key));
    this.#calls.set(key, call);
    return call;
  }

  async #all(kernels: readonly RequestedKernel[], signal: AbortSignal): Promise<readonly CreationInfo[]> {
    const live = new Map((await this.#parts.agent.list({ all: false })).map(({ id, phase }) => [id, phase]));
    const made = kernels.filter(({ id }) => !live.has(id) && !this.#open.has(id));
    const outcomes = await Promise.allSettled(kernels.map((kernel) => this.#one(kernel, live, signal)));
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    if (failures.length === 0) return outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await this.#undo(made);
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'several kernels could not be created');
  }

  /**
   * Gives up the creation of a kernel that the agent may not know of yet, and waits until nothing of it is left. Answers
   * whether there was one.
   */
  async giveUp(kernel: KernelId): Promise<boolean> {
    const open = this.#open.get(kernel);
    if (!open) return false;
    open.controller.abort(
      new KerneletError('CANCELLED', `the creation of kernel ${kernel} was given up: it is to be destroyed`),
    );
    await open.made.catch(() => {});
    return true;
  }

  #one(
    kernel: RequestedKernel,
    live: ReadonlyMap<KernelId, KernelView['phase']>,
    signal: AbortSignal,
  ): Promise<CreationInfo> {
    const { id } = kernel;
    const open = this.#open.get(id);
    if (open) return open.made;
    const phase = live.get(id);
    if (phase === 'running') return Promise.resolve(this.#parts.infoOf(id));
    if (phase !== undefined) {
      const text = `kernel ${id} is ${phase}: it can be created anew when nothing of it is left`;
      return Promise.reject(new KerneletError('KERNEL_EXISTS', text, { context: { kernel: id, phase } }));
    }
    const controller = new AbortController();
    const made = this.#make(kernel, AbortSignal.any([signal, controller.signal])).finally(() => this.#open.delete(id));
    this.#open.set(id, { made, controller });
    return made;
  }

  async #make(kernel: RequestedKernel, signal: AbortSignal): Promise<CreationInfo> {
    const { agent, notifier, notes, infoOf } = this.#parts;
    const { id, session, request } = kernel;
    // Beside what comes, which has a record of its own soon where nothing has to be waited for.
    const noted = notes.begin(id, session);
    try {
      await this.#provideImage(kernel, noted, signal);
      const whole = { ...request, id, sessionId: session, pull: 'never' } as const;
      await this.#creating.run(() => agent.create(whole, signal), signal);
    } catch (error) {
      if (hasCode(error, 'INSUFFICIENT_RESOURCES')) notifier.askResourceCheck();
      notifier.notifyFailed(id, session);
      throw error;
    } finally {
      void notes.end(id);
    }
    return infoOf(id);
  }

  /** Pulls the image when the policy says so, which is published; others of the call are created meanwhile (B9). */
  async #provideImage(
    { id, session, request, pull, imageId }: RequestedKernel,
    noted: Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    if (pull === 'none') return;
    const { agent, notifier, pullTimeoutMs, clock } = this.#parts;
    if (!(await needsPull(agent, { image: request.image, pull, imageId }, signal))) return;
    await withDeadline({ what: 'noting a creation', timeoutMs: noteMs, signal, clock }, () => noted);
    notifier.notifyPulling(id, session, request.image);
    const wish = { reference: request.image, auth: request.registryAuth };
    await this.#pulls.run(async () => {
      const what = `pulling ${request.image}`;
      const options = { what, timeoutMs: Math.min(pullTimeoutMs ?? endlessMs, endlessMs), signal, clock };
      await withDeadline(options, (deadline) => agent.provideImage(wish, deadline.signal)).catch((error: unknown) => {
        if (signal.aborted || !hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
        const text = `Image pull timeout after ${(pullTimeoutMs ?? 0) / 1000} seconds. (img:${request.image})`;
        throw new KerneletError('DEADLINE_EXCEEDED', text, { cause: error, context: { image: request.image } });
      });
    }, signal);
  }

  /** The failure of the call is what managers go by, so these terminations are suppressed. */
  async #undo(made: readonly RequestedKernel[]): Promise<void> {
    const { agent, notifier } = this.#parts;
    const live = new Set((await agent.list({ all: false })).map(({ id }) => id));
    const left = made.filter(({ id }) => live.has(id));
    await Promise.allSettled(
      left.map(async ({ id }) => {
        await notifier.suppressTermination(id);
        return await agent.destroy(id, { force: true, reason: 'failed-to-create' });
      }),
    );
  }
}
