/** Pauses of simulated kernels: what is drawn of them beside a seed's other actions, and how they are carried out. */
import type { DummyMethod } from '../../src/engine/dummy/dummy-faults.ts';
import type { SeededRandom } from '../support/random.ts';
import type { Callers } from './callers.ts';
import type { KernelHistory } from './history.ts';
import type { CallFault } from './node/engine-host.ts';
import type { Step } from './schedule.ts';
import type { Simulation } from './simulation.ts';
import { neverAborted } from './world/never-aborted.ts';

/** `pause`: somebody asks the daemon for it, and after so long for its end. `pause-container`: the same of the engine. */
export interface PauseAction {
  readonly do: 'pause' | 'pause-container';
  readonly kernel: number;
  readonly forMs: number;
}

/** How long callers may wait at most for a pause or its end, in milliseconds: for the disk, then for the engine, and for others before them. */
const pauseMs = 90_000;
/** After which somebody who was not heard asks again. */
const againMs = 5_000;

const methods: readonly DummyMethod[] = ['pauseContainer', 'resumeContainer', 'inspectContainer', 'listContainers'];
const faults: readonly CallFault[] = ['error', 'hang', 'late', 'lost-reply', 'hang-after-success'];

/** The steps with pauses among them, drawn by chance of their own: what else follows from a seed stays as it was. */
export function withPauses(steps: readonly Step[], random: SeededRandom, kernels: number): readonly Step[] {
  const added: Step[] = [];
  for (let left = random.between(1, 3); left > 0; left -= 1) {
    const at = random.oneOf(steps).at + random.oneOf([0, random.between(0, 300), random.between(0, 20_000)]);
    if (random.fraction() < 0.3)
      added.push({ at, do: 'fail-call', method: random.oneOf(methods), fault: random.oneOf(faults) });
    added.push({
      ...{ at, do: random.oneOf(['pause', 'pause', 'pause-container'] as const) },
      ...{ kernel: random.between(0, kernels - 1), forMs: random.oneOf([0, 500, 15_000, 90_000]) },
    });
    if (random.fraction() < 0.4)
      added.push({ at: at + random.between(0, 1_000), do: 'kill-daemon', backAfterMs: random.oneOf([10, 1_000]) });
  }
  const all = steps.map((step) => (step.do === 'create' && step.idleMs ? { ...step, isPausedWhenIdle: true } : step));
  return [...all, ...added].sort((one, other) => one.at - other.at);
}

/** Pauses kernels and has them go on. */
export class Pauses {
  readonly #simulation: Simulation;
  readonly #callers: Callers;

  constructor(simulation: Simulation, callers: Callers) {
    this.#simulation = simulation;
    this.#callers = callers;
  }

  do(kernel: KernelHistory, { do: how, forMs }: PauseAction): void {
    const simulation = this.#simulation;
    this.#callers.allowMore(kernel.name, forMs + pauseMs);
    if (how === 'pause') {
      kernel.mayBePaused = true;
      this.#callers.ask({ what: 'pause', subject: kernel.name, withinMs: pauseMs }, (agent) => agent.pause(kernel.id));
      simulation.later(forMs, () => this.#resume(kernel));
      return;
    }
    const container = simulation.containerOf(kernel);
    const { answering } = simulation.engines;
    if (container?.state !== 'running') return;
    simulation.tell(`${kernel.name}: somebody pauses its container`);
    kernel.mayBePaused = true;
    answering.pauseContainer(container.id, neverAborted()).catch(() => {});
    simulation.later(forMs, () => {
      answering.resumeContainer(container.id, neverAborted()).catch(() => {});
    });
  }

  /** Whoever waits for a kernel that stands still has it go on. */
  resumeAll(): void {
    for (const kernel of this.#simulation.kernels) this.#resume(kernel);
  }

  /** Asks until it does not stand still any more. */
  #resume(kernel: KernelHistory): void {
    const { timeline, world } = this.#simulation.machine;
    if (this.#simulation.containerOf(kernel)?.state !== 'paused') return;
    this.#callers.ask({ what: 'resume', subject: kernel.name, withinMs: pauseMs }, (agent) =>
      agent.resume(kernel.id, neverAborted()),
    );
    timeline.schedule(againMs, world, () => this.#resume(kernel));
  }
}
