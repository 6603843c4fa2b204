/**
 * Degraded modes of a node: what it lacks for now, or works less well by. Each is told with its reason and since when; none ends
 * work by itself.
 */
import type { Clock } from '../lib/clock.ts';
import { toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';

/** What a node may be degraded in; `records`: kernels are unrecorded. */
export const degradedModes = [
  'engine',
  'disk',
  'file-systems',
  'descriptors',
  'memory',
  'firewall',
  'clock',
  'records',
] as const;
export type DegradedMode = (typeof degradedModes)[number];

/** A mode in which the node is. */
export interface Degradation {
  readonly mode: DegradedMode;
  /** Since when it was seen, in milliseconds since the epoch. */
  readonly since: number;
  /** Why, in one sentence that names what is short or broken. */
  readonly detail: string;
}

/** Says what is wrong with one thing, in one sentence; null = nothing. It must not wait for what may hang. */
export type Look = () => string | null | Promise<string | null>;

/** What is looked at, and where changes are told. */
export interface DegradationsParts {
  readonly looks: Readonly<Record<DegradedMode, Look>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Finds out in which modes a node is, each time it looks. */
export class Degradations {
  readonly #parts: DegradationsParts;
  #present: readonly Degradation[] = [];

  constructor(parts: DegradationsParts) {
    this.#parts = parts;
  }

  /** As of the last look. */
  get present(): readonly Degradation[] {
    return this.#present;
  }

  /** Looks at everything, side by side, and tells what has begun or ended since the last look. Never rejects. */
  async look(): Promise<readonly Degradation[]> {
    const { looks, clock } = this.#parts;
    const details = await Promise.all(
      degradedModes.map(async (mode) => {
        try {
          return await looks[mode]();
        } catch (error) {
          return `it cannot be looked at: ${toKerneletError(error).message}`;
        }
      }),
    );
    const before = new Map(this.#present.map((one) => [one.mode, one]));
    this.#present = degradedModes.flatMap((mode, index) => {
      const detail = details[index] ?? null;
      return detail === null ? [] : [{ mode, since: before.get(mode)?.since ?? clock.now(), detail }];
    });
    this.#tellChanges(before);
    return this.#present;
  }

  #tellChanges(before: ReadonlyMap<DegradedMode, Degradation>): void {
    const { log } = this.#parts;
    const now = new Set(this.#present.map(({ mode }) => mode));
    for (const { mode, detail } of this.#present)
      if (!before.has(mode)) log.warn('the node is degraded', { mode, detail });
    for (const mode of before.keys()) if (!now.has(mode)) log.info('the node is degraded no more', { mode });
  }
}
