/** The phases of a kernel's life, as schedules in which everything goes well: what one call that fails is put into. */
import type { Schedule, Step } from '../schedule.ts';

/** A phase, from its deed on. */
export interface Phase {
  readonly name: string;
  /** What leads up to it, and the deed. */
  readonly steps: readonly Step[];
  /** When it begins, and how long it takes at most, in milliseconds. */
  readonly from: number;
  readonly forMs: number;
  /** How many of its calls of one method are made to fail, each by itself. */
  readonly most: number;
}

const kernel = 0;
const create = { do: 'create', kernel, publishes: true, accelerator: true, idleMs: null, cancelAfterMs: null } as const;
/** By when a daemon that was started has nothing to do. */
const readyMs = 20_000;
const from = 60_000;
const before: Step = { at: readyMs, ...create };

export const phases: readonly Phase[] = [
  { name: 'a creation', steps: [{ at: from, ...create }], from, forMs: 5_000, most: 2 },
  {
    name: 'a kernel that runs',
    steps: [
      before,
      { at: from, do: 'exec', kernel, runsMs: 200, timeoutMs: null },
      { at: from, do: 'inspect', kernel },
      { at: from, do: 'figures' },
    ],
    from,
    forMs: 5_000,
    most: 2,
  },
  {
    name: 'an end by itself',
    steps: [before, { at: from, do: 'exit', kernel, exitCode: 1 }],
    from,
    forMs: 10_000,
    most: 2,
  },
  { name: 'a restart', steps: [before, { at: from, do: 'restart', kernel }], from, forMs: 8_000, most: 2 },
  {
    name: 'a removal',
    steps: [before, { at: from, do: 'destroy', kernel, force: false }],
    from,
    forMs: 5_000,
    most: 2,
  },
  {
    name: 'a start that finds a kernel',
    steps: [before, { at: from, do: 'kill-daemon', backAfterMs: 500 }],
    from,
    forMs: 15_000,
    most: 2,
  },
  { name: 'rounds in which nothing happens', steps: [before], from, forMs: 180_000, most: 1 },
];

/** A phase with nothing that fails, to its end. */
export const scheduleOf = ({ name, steps, from: at, forMs }: Phase): Schedule => ({
  seed: 1,
  title: name,
  isOnlyFault: true,
  steps: [...steps, { at: at + forMs, do: 'list' }],
});
