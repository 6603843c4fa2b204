/** The phases of a kernel's life, and of a member's, as schedules in which everything goes well: what one call that fails is put into. */
import type { Schedule, Step } from '../schedule.ts';

/** A phase, from its deed on. */
export interface Phase {
  readonly name: string;
  /** What leads up to it, and the deed. */
  readonly steps: readonly Step[];
  /** When it begins, and how long it takes at most, in milliseconds. */
  readonly from: number;
  readonly forMs: number;
  /** How many of its calls of one name are made to fail, each by itself. */
  readonly most: number;
  /** Whether calls that come all the time, whatever a kernel does, are among them. */
  readonly hasRounds?: boolean;
  /** As in `Schedule`. */
  readonly isMember?: boolean;
}

const kernel = 0;
const create = { do: 'create', kernel, publishes: true, accelerator: true, idleMs: null, cancelAfterMs: null } as const;
const from = 20_000;
/** By then a daemon that was started has nothing to do. */
const before: Step = { at: 5_000, ...create };

const creation: Phase = { name: 'a creation', steps: [{ at: from, ...create }], from, forMs: 5_000, most: 2 };
const ownEnd: Phase = {
  name: 'an end by itself',
  steps: [before, { at: from, do: 'exit', kernel, exitCode: 1 }],
  ...{ from, forMs: 10_000, most: 2 },
};
const restart: Phase = {
  name: 'a restart',
  steps: [before, { at: from, do: 'restart', kernel }],
  ...{ from, forMs: 8_000, most: 2 },
};
const pause: Phase = {
  name: 'a pause',
  steps: [before, { at: from, do: 'pause', kernel, forMs: 2_000 }],
  ...{ from, forMs: 8_000, most: 2 },
};
const removal: Phase = {
  name: 'a removal',
  steps: [before, { at: from, do: 'destroy', kernel, force: false }],
  ...{ from, forMs: 5_000, most: 2 },
};
const recovery: Phase = {
  name: 'a start that finds a kernel',
  steps: [before, { at: from, do: 'kill-daemon', backAfterMs: 500 }],
  ...{ from, forMs: 15_000, most: 2 },
};
const idle: Phase = {
  name: 'rounds in which nothing happens',
  steps: [before],
  from,
  forMs: 180_000,
  most: 1,
  hasRounds: true,
};

/** What the engine is called in. */
export const kernelPhases: readonly Phase[] = [
  creation,
  {
    name: 'a kernel that runs',
    steps: [
      before,
      { at: from, do: 'exec', kernel, runsMs: 200, timeoutMs: null },
      { at: from, do: 'inspect', kernel },
      { at: from, do: 'figures' },
    ],
    ...{ from, forMs: 5_000, most: 2 },
  },
  ...[ownEnd, restart, pause, removal, recovery, idle],
];

/** What the services of a cluster are called in. */
export const memberPhases: readonly Phase[] = [
  { name: 'joining', steps: [], from: 0, forMs: 15_000, most: 2, hasRounds: true },
  ...[creation, ownEnd, restart, removal, recovery, idle],
  {
    name: 'leaving',
    steps: [before, { at: from, do: 'stop-daemon', backAfterMs: 500 } as const],
    ...{ from, forMs: 10_000, most: 1, hasRounds: true },
  },
].map((phase) => ({ ...phase, isMember: true }));

/** A phase with nothing that fails, to its end. */
export const scheduleOf = ({ name, steps, from: at, forMs, isMember = false }: Phase): Schedule => ({
  seed: 1,
  title: name,
  isMember,
  isOnlyFault: true,
  steps: [...steps, { at: at + forMs, do: 'list' }],
});
