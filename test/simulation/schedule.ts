/** Schedules: what people ask of a node and what befalls it, each at its moment. All of it follows from a seed. */
import type { DummyMethod } from '../../src/engine/dummy/dummy-faults.ts';
import { randomOf, type SeededRandom } from '../support/random.ts';
import { type ServiceFault, serviceFaults } from './cluster/remote-service.ts';
import type { CallFault, EventTrouble } from './node/engine-host.ts';
import { type PauseAction, withPauses } from './pauses.ts';

/** What befalls the services of a cluster. `empties`: what they knew is gone. */
export type ClusterAction =
  | { readonly do: 'redis-away' | 'etcd-away'; readonly forMs: number; readonly empties: boolean }
  | { readonly do: 'redis-hangs' | 'etcd-hangs'; readonly forMs: number }
  /** `call`: a command of Redis, `CONNECT`, or of etcd `read`, `put`, `watch`. `after`: as in `fail-call`. */
  | {
      readonly do: 'fail-redis' | 'fail-etcd';
      readonly call: string;
      readonly fault: ServiceFault;
      readonly after?: number;
    };

/** One thing that is done. `kernel` counts from 0; times are milliseconds. */
export type Action =
  | ClusterAction
  | PauseAction
  | {
      readonly do: 'create';
      readonly kernel: number;
      readonly publishes: boolean;
      readonly accelerator: boolean;
      readonly idleMs: number | null;
      /** Whether it is paused when it was idle for that long, and not ended; no when absent. */
      readonly isPausedWhenIdle?: boolean;
      readonly cancelAfterMs: number | null;
    }
  | { readonly do: 'destroy'; readonly kernel: number; readonly force: boolean }
  | { readonly do: 'restart'; readonly kernel: number }
  | { readonly do: 'restore'; readonly kernel: number }
  | { readonly do: 'exec'; readonly kernel: number; readonly runsMs: number; readonly timeoutMs: number | null }
  | { readonly do: 'cancel'; readonly kernel: number }
  | { readonly do: 'list' }
  /** What a kernel is, as the engine knows it now. */
  | { readonly do: 'inspect'; readonly kernel: number }
  /** The figures of all kernels, read now. */
  | { readonly do: 'figures' }
  | { readonly do: 'stop-daemon'; readonly backAfterMs: number }
  | { readonly do: 'kill-daemon'; readonly backAfterMs: number }
  /** `after`: how many calls of the method are to pass first; none when absent. */
  | { readonly do: 'fail-call'; readonly method: DummyMethod; readonly fault: CallFault; readonly after?: number }
  | { readonly do: 'engine-away'; readonly forMs: number }
  | { readonly do: 'engine-hangs'; readonly forMs: number }
  | { readonly do: 'restart-engine'; readonly keepsContainers: boolean; readonly forMs: number }
  | { readonly do: 'swap-engine'; readonly forMs: number }
  | { readonly do: 'reboot'; readonly forMs: number }
  | { readonly do: 'lose-power'; readonly forMs: number }
  | { readonly do: 'mix-events'; readonly trouble: EventTrouble; readonly forMs: number }
  | { readonly do: 'exit'; readonly kernel: number; readonly exitCode: number }
  | { readonly do: 'out-of-memory'; readonly kernel: number }
  | { readonly do: 'remove-container'; readonly kernel: number }
  | { readonly do: 'freeze-runner'; readonly kernel: number; readonly forMs: number }
  | { readonly do: 'lose-socket'; readonly kernel: number }
  | { readonly do: 'stall-disk'; readonly forMs: number }
  | {
      readonly do: 'fill-disk';
      readonly forMs: number;
      /** How often tenants take what has become free since: before anybody else can where it is 0 or absent, never where null. */
      readonly retakeMs?: number | null;
    };

/** An action and its moment, in milliseconds from the begin. */
export type Step = Action & { readonly at: number };

/** What is played: chance and the actions, of which some may be left out. */
export interface Schedule {
  readonly seed: number;
  /** What it is for, where it does not follow from its seed. */
  readonly title?: string;
  readonly steps: readonly Step[];
  /** Whether the operator has kernels started again whose containers ended with the engine or the machine; no when absent. */
  readonly startsAgain?: boolean;
  /** Whether the node is a member of a cluster; no when absent. */
  readonly isMember?: boolean;
  /**
   * Whether the calls that it says fail are all that befalls the node: then they must come, answers are compared with what is
   * so, and nothing may be counted that should never be. No when absent.
   */
  readonly isOnlyFault?: boolean;
}

export const kernelCount = 3;

const methods: readonly DummyMethod[] = [
  ...(['createContainer', 'startContainer', 'removeContainer', 'inspectContainer', 'listContainers'] as const),
  ...(['waitContainer', 'info', 'readMark', 'leaveMark', 'createNetwork', 'inspectNetwork'] as const),
  ...(['inspectImage', 'killContainer', 'removeNetwork'] as const),
];
const faults: readonly CallFault[] = ['error', 'hang', 'late', 'lost-reply', 'hang-after-success'];
const troubles: readonly EventTrouble[] = ['lost', 'twice', 'reordered'];

/** Of pauses `pauses.ts` decides. */
type DrawnKind = Exclude<Action, ClusterAction | PauseAction>['do'];

/** How likely each action is, beside the others. */
const weights: Readonly<Record<DrawnKind, number>> = {
  ...{ create: 16, destroy: 8, restart: 7, restore: 4, exec: 9, cancel: 3, list: 3, inspect: 2, figures: 2 },
  ...{ 'stop-daemon': 3, 'kill-daemon': 9, 'fail-call': 12, 'engine-away': 3, 'engine-hangs': 3 },
  ...{
    'restart-engine': 3,
    'swap-engine': 2,
    reboot: 2,
    'lose-power': 3,
    'mix-events': 3,
    exit: 5,
    'out-of-memory': 2,
  },
  ...{ 'remove-container': 2, 'freeze-runner': 3, 'lose-socket': 1, 'stall-disk': 2, 'fill-disk': 2 },
};
/** The same of what befalls only members. */
const clusterWeights: Readonly<Record<ClusterAction['do'], number>> = {
  ...{ 'redis-away': 7, 'redis-hangs': 4, 'fail-redis': 10, 'etcd-away': 4, 'etcd-hangs': 3, 'fail-etcd': 4 },
};
const redisCalls = ['CONNECT', 'EVAL', 'XADD', 'XREAD', 'XREVRANGE', 'SET', 'EXEC'] as const;
const etcdCalls = ['read', 'put', 'watch'] as const;

/** A few moments, or minutes. */
const span = (random: SeededRandom): number =>
  random.oneOf([random.between(10, 1_000), random.between(1_000, 20_000), random.between(20_000, 90_000)]);

/** The schedule of a seed; every fourth is a member's. */
export function scheduleOf(seed: number): Schedule {
  const random = randomOf(seed);
  const isMember = seed % 4 === 3;
  const choices = Object.entries(isMember ? { ...weights, ...clusterWeights } : weights) as readonly Choice[];
  const steps: Step[] = [];
  let at = 2_000;
  const count = random.between(4, 14);
  for (let index = 0; index < count; index += 1) {
    const action = actionOf(index === 0 ? 'create' : kindOf(choices, random), random);
    steps.push({ at, ...action });
    // Somebody is to find out.
    if (action.do === 'freeze-runner' && random.fraction() < 0.5) {
      at += random.between(0, 5_000);
      steps.push({ at, ...execOn(action.kernel, random) });
    }
    // An end is written and told in moments, which a daemon may not live to see over.
    if ((action.do === 'destroy' || action.do === 'exit') && random.fraction() < 0.3) {
      at += random.between(0, 200);
      steps.push({ at, do: 'kill-daemon', backAfterMs: random.oneOf([10, 1_000]) });
    }
    // Most come while the last is under way.
    at += random.oneOf([0, random.between(0, 50), random.between(0, 400), random.between(0, 3_000), span(random)]);
  }
  const all = seed % 5 === 1 ? withPauses(steps, randomOf(seed * 32 + 7), kernelCount) : steps;
  return { seed, steps: all, startsAgain: seed % 2 === 0, isMember };
}

/** A kind of action and its weight. */
type Choice = readonly [kind: Exclude<Action, PauseAction>['do'], weight: number];

function kindOf(choices: readonly Choice[], random: SeededRandom): Choice[0] {
  let left = random.fraction() * choices.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of choices) {
    left -= weight;
    if (left < 0) return kind;
  }
  return 'list';
}

const execOn = (kernel: number, random: SeededRandom): Action => ({
  ...{ do: 'exec', kernel, runsMs: random.oneOf([5, 200, 5_000]) },
  timeoutMs: random.fraction() < 0.4 ? random.oneOf([100, 10_000]) : null,
});

function actionOf(kind: Choice[0], random: SeededRandom): Action {
  const kernel = random.between(0, kernelCount - 1);
  const isTrue = (chance: number): boolean => random.fraction() < chance;
  switch (kind) {
    case 'create':
      return {
        ...{ do: kind, kernel, publishes: isTrue(0.5), accelerator: isTrue(0.5) },
        idleMs: isTrue(0.1) ? random.between(1_000, 60_000) : null,
        cancelAfterMs: isTrue(0.15) ? random.between(0, 600) : null,
      };
    case 'destroy':
      return { do: kind, kernel, force: isTrue(0.5) };
    case 'exec':
      return execOn(kernel, random);
    case 'list':
    case 'figures':
      return { do: kind };
    case 'stop-daemon':
    case 'kill-daemon':
      return { do: kind, backAfterMs: random.oneOf([10, 1_000, 30_000]) };
    case 'fail-call':
      return { do: kind, method: random.oneOf(methods), fault: random.oneOf(faults) };
    case 'redis-away':
    case 'etcd-away':
      return { do: kind, forMs: span(random), empties: isTrue(0.4) };
    case 'fail-redis':
      return { do: kind, call: random.oneOf(redisCalls), fault: random.oneOf(serviceFaults) };
    case 'fail-etcd':
      return { do: kind, call: random.oneOf(etcdCalls), fault: random.oneOf(serviceFaults) };
    case 'redis-hangs':
    case 'etcd-hangs':
      return { do: kind, forMs: span(random) };
    case 'restart-engine':
      return { do: kind, keepsContainers: isTrue(0.3), forMs: random.between(500, 15_000) };
    case 'mix-events':
      return { do: kind, trouble: random.oneOf(troubles), forMs: 60_000 };
    case 'exit':
      return { do: kind, kernel, exitCode: random.oneOf([0, 1, 137]) };
    case 'freeze-runner':
      return { do: kind, kernel, forMs: random.oneOf([5_000, 40_000, 900_000]) };
    case 'engine-away':
    case 'engine-hangs':
    case 'swap-engine':
    case 'reboot':
    case 'lose-power':
    case 'stall-disk':
      return { do: kind, forMs: span(random) };
    case 'fill-disk':
      return { do: kind, forMs: span(random), retakeMs: random.oneOf([0, null, random.between(1, 100), span(random)]) };
    case 'restart':
    case 'restore':
    case 'cancel':
    case 'inspect':
    case 'out-of-memory':
    case 'remove-container':
    case 'lose-socket':
      return { do: kind, kernel };
  }
}
