/**
 * Pulls with a bound on silence: an engine waits for an unreachable registry far longer than people do, while a slow
 * but living one may take as long as it needs.
 */
import { addAbortListener } from 'node:events';
import type { Engine, EngineImage, Progress, RegistryAuth } from '../engine/engine.ts';
import { type Clock, systemClock, type Timer } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { ImageReference } from './reference.ts';

/** How long a registry may be silent, in milliseconds. */
export interface PullTimeouts {
  /** Before its first sign of progress. */
  readonly firstMs: number;
  /** Between two signs of progress. */
  readonly betweenMs: number;
}

/** An unreachable registry is given up well within 15 s; a layer may take minutes to unpack. */
export const defaultPullTimeouts: PullTimeouts = { firstMs: 12_000, betweenMs: 300_000 };

/** How to pull: with what credentials, and how long to wait. */
export interface PullOptions {
  readonly auth?: RegistryAuth | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly timeouts?: PullTimeouts | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Pulls an image and returns it as the engine has it then. Throws IMAGE_PULL_FAILED, which names the image and its
 * registry, at once when the registry refuses and after the timeouts when it says nothing.
 */
export async function pullImage(
  engine: Engine,
  reference: ImageReference,
  options: PullOptions,
  signal: AbortSignal,
): Promise<EngineImage> {
  const { clock = systemClock, timeouts = defaultPullTimeouts } = options;
  signal.throwIfAborted();
  using watch = new SilenceWatch(clock, signal, reference);
  watch.expectWithin(timeouts.firstMs);
  const pulling = engine.pullImage(
    reference.familiar,
    {
      ...(options.auth ? { auth: options.auth } : {}),
      onProgress: (progress) => {
        watch.expectWithin(timeouts.betweenMs);
        options.onProgress?.(progress);
      },
    },
    watch.signal,
  );
  try {
    await raceWithSignal(pulling, watch.signal);
  } catch (error) {
    watch.signal.throwIfAborted();
    if (error instanceof KerneletError && !hasCode(error, 'IMAGE_NOT_FOUND')) throw error;
    throw failed(reference, error instanceof Error ? error.message : String(error), error);
  }
  return await engine.inspectImage(reference.familiar, signal);
}

/** Aborts its signal when the caller's does, or when nothing was heard in time. */
class SilenceWatch implements Disposable {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #reference: ImageReference;
  readonly #listener: Disposable;
  #timer: Timer | undefined;

  constructor(clock: Clock, caller: AbortSignal, reference: ImageReference) {
    this.#clock = clock;
    this.#reference = reference;
    this.#listener = addAbortListener(caller, () => this.#controller.abort(caller.reason));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  expectWithin(delayMs: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.after(delayMs, () => {
      const silence = `nothing was heard of its registry ${this.#reference.registry} for ${Math.round(delayMs / 1000)} s`;
      this.#controller.abort(failed(this.#reference, silence));
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#listener[Symbol.dispose]();
  }
}

function failed(reference: ImageReference, why: string, cause?: unknown): KerneletError {
  return new KerneletError('IMAGE_PULL_FAILED', `image ${reference.familiar} could not be pulled: ${why}`, {
    context: { image: reference.familiar, registry: reference.registry },
    ...(cause === undefined ? {} : { cause }),
  });
}
