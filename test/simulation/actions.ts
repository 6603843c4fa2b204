/** Does what a schedule says: what people ask of the node here, what befalls it in `troubles.ts`. */
import type { CreateRequest } from '../../src/agent/agent.ts';
import { parseRunId, type RunId } from '../../src/lib/ids.ts';
import type { Callers } from './callers.ts';
import type { KernelHistory } from './history.ts';
import { checkNothingUsed } from './invariants.ts';
import { outputOf, programOf } from './node/simulated-runner.ts';
import { Pauses } from './pauses.ts';
import type { Action, Step } from './schedule.ts';
import { image, type Simulation } from './simulation.ts';
import { Troubles } from './troubles.ts';
import { neverAborted } from './world/never-aborted.ts';
import type { Owner } from './world/timeline.ts';

/** How long callers may wait at most, in milliseconds, whatever goes wrong. */
const bounds = {
  create: 240_000,
  destroy: 180_000,
  restart: 300_000,
  /** Until a run is accepted, or its runner counts as unreachable. */
  execute: 37_000,
  /** Beyond the run itself, where nobody says how it stands: until an unreachable runner is given up. */
  output: 330_000,
  /** Until a run with a time limit is accepted, beyond that limit. */
  limit: 18_000,
  list: 20_000,
  /** The engine's patience with a question, and some. */
  inspect: 40_000,
  figures: 40_000,
  /** As long as the service manager waits. */
  stop: 120_000,
} as const;

/** In which what a daemon has begun in the background ends once it has stopped, in milliseconds. */
const lastMomentMs = 1_000;
/** Within which everything ends that has begun before a stop: waits for an engine that hangs, and for replies that come late. */
const boundedMs = 100_000;

/** Within which it is noticed that there is room again, and what has waited for it is written. */
const roomNoticedMs = 10_000;

type Of<Kind extends Action['do']> = Extract<Action, { readonly do: Kind }>;

/** Carries out actions in one world. */
export class Actions {
  readonly #simulation: Simulation;
  readonly #callers: Callers;
  #runs = 0;
  /** The last run of each kernel. */
  readonly #lastRun = new Map<KernelHistory, RunId>();
  readonly #pauses: Pauses;
  readonly #troubles: Troubles;

  constructor(simulation: Simulation, callers: Callers) {
    this.#simulation = simulation;
    this.#callers = callers;
    this.#pauses = new Pauses(simulation, callers);
    this.#troubles = new Troubles(simulation);
  }

  do(action: Step): void {
    switch (action.do) {
      case 'create':
        this.#create(action);
        break;
      case 'destroy':
        this.destroy(this.#simulation.kernelAt(action), action.force);
        break;
      case 'restart':
        this.#restart(this.#simulation.kernelAt(action));
        break;
      case 'pause':
      case 'pause-container':
        this.#pauses.do(this.#simulation.kernelAt(action), action);
        break;
      case 'restore':
        this.#restore(this.#simulation.kernelAt(action));
        break;
      case 'exec':
        this.#exec(action);
        break;
      case 'cancel':
        this.#cancel(this.#simulation.kernelAt(action));
        break;
      case 'list':
        this.#callers.ask({ what: 'list', subject: 'all', withinMs: bounds.list }, (agent) =>
          agent.list({ all: true }),
        );
        break;
      case 'inspect': {
        const kernel = this.#simulation.kernelAt(action);
        this.#callers.ask({ what: 'inspect', subject: kernel.name, withinMs: bounds.inspect }, (agent) =>
          agent.inspectNow(kernel.id, neverAborted()),
        );
        break;
      }
      case 'figures':
        this.#callers.ask({ what: 'figures', subject: 'all', withinMs: bounds.figures }, (agent) =>
          agent.stats(neverAborted()),
        );
        break;
      case 'stop-daemon':
        this.stopDaemon(() => this.#daemonBack(action.backAfterMs), { isLast: false });
        break;
      case 'kill-daemon':
        this.#simulation.killDaemon();
        this.#daemonBack(action.backAfterMs);
        break;
      default:
        this.#troubles.do(action);
    }
  }

  /** Asks for a kernel's end. */
  destroy(kernel: KernelHistory, force: boolean): void {
    this.#callers.ask({ what: 'destroy', subject: kernel.name, withinMs: bounds.destroy }, async (agent) => {
      kernel.wasAskedToEnd = true;
      kernel.wasForced ||= force;
      await agent.destroy(kernel.id, { force });
    });
  }

  /** Has all go on that stand still. */
  resumeAll(): void {
    this.#pauses.resumeAll();
  }

  /** Asks how the node is, which has no kernel any more. */
  askWhatIsUsed(): void {
    const request = { what: 'status', subject: 'all', withinMs: bounds.list };
    this.#callers.ask(
      request,
      (agent) => agent.status(),
      (outcome) => {
        if (outcome.ok) checkNothingUsed(this.#simulation, outcome.value);
      },
    );
  }

  /**
   * Stops the daemon as a signal does; `then` is called when its process has ended. `isLast`: its process stays until
   * nothing can be left of it.
   */
  stopDaemon(then: () => void, { isLast }: { readonly isLast: boolean }): void {
    const { daemon, kernels, machine } = this.#simulation;
    if (!daemon || daemon.owner.hasEnded || !daemon.agent) return;
    for (const kernel of kernels) kernel.wasDaemonStopped = true;
    const request = { what: 'stop', subject: 'the daemon', withinMs: bounds.stop };
    this.#callers.ask(
      request,
      () => daemon.stop(),
      () => {
        machine.timeline.schedule(isLast ? boundedMs : lastMomentMs, machine.world, () => {
          // Killed while it stopped: whoever did that has seen to the next one.
          if (daemon.owner.hasEnded) return;
          this.#checkStopped(daemon.owner, isLast);
          this.#simulation.killDaemon();
          then();
        });
      },
    );
  }

  /** What a stopped daemon holds its process's end sets free; it is to hold nothing all the same. */
  #checkStopped(owner: Owner, isLast: boolean): void {
    const { disk, sockets, timeline } = this.#simulation.machine;
    // Figures of the system are read from files that stay open as long as the process.
    const files = disk.openOf(owner).filter((at) => !at.startsWith('/proc/'));
    const left = { timers: isLast ? timeline.timersOf(owner) : 0, sockets: sockets.openOf(owner) };
    if (left.timers > 0) this.#simulation.fail(`the daemon has stopped and left ${left.timers} timers`);
    if (left.sockets > 0) this.#simulation.fail(`the daemon has stopped and left ${left.sockets} open sockets`);
    // What waits for a disk that hangs, or for room on it, stays open until the process ends.
    const waits = this.#simulation.wasDiskStalled || this.#simulation.wasFullWithin(roomNoticedMs);
    if (files.length > 0 && !waits) this.#simulation.fail(`the daemon has stopped and left open: ${files.join(', ')}`);
  }

  #create({
    kernel: index,
    publishes,
    accelerator,
    idleMs,
    isPausedWhenIdle = false,
    cancelAfterMs,
  }: Of<'create'>): void {
    const kernel = this.#simulation.kernelAt({ kernel: index });
    const request: CreateRequest = {
      ...{ id: kernel.id, image, language: 'shell', pull: 'never', environ: {}, mounts: [], interpreter: 'lazy' },
      publish: publishes ? [8000] : [],
      accelerators: accelerator ? { 'npu.device': '1' } : {},
      ...(idleMs === null ? {} : { idleTimeoutMs: idleMs }),
      ...(isPausedWhenIdle ? { onIdle: 'pause' } : {}),
    };
    const cancelled = new AbortController();
    this.#callers.ask({ what: 'create', subject: kernel.name, withinMs: bounds.create }, (agent) => {
      kernel.hadIdleLimit ||= idleMs !== null;
      return making(kernel, idleMs !== null, () => agent.create(request, cancelled.signal));
    });
    if (cancelAfterMs === null) return;
    const { daemon, machine } = this.#simulation;
    if (!daemon) return;
    machine.timeline.schedule(cancelAfterMs, daemon.owner, () => {
      kernel.wasCancelled = true;
      cancelled.abort(new Error('the client has hung up'));
    });
  }

  #restart(kernel: KernelHistory): void {
    this.#callers.ask({ what: 'restart', subject: kernel.name, withinMs: bounds.restart }, async (agent) => {
      kernel.wasRestarted = true;
      await agent.restart(kernel.id, neverAborted());
    });
  }

  #restore(kernel: KernelHistory): void {
    this.#callers.ask({ what: 'restore', subject: kernel.name, withinMs: bounds.create }, (agent) =>
      making(kernel, kernel.hadIdleLimit, () => agent.restore(kernel.id, neverAborted())),
    );
  }

  #exec({ kernel: index, runsMs, timeoutMs }: Of<'exec'>): void {
    const kernel = this.#simulation.kernelAt({ kernel: index });
    this.#runs += 1;
    const run = parseRunId(this.#runs.toString(16).padStart(32, '0'));
    this.#lastRun.set(kernel, run);
    const subject = `${kernel.name}, run ${this.#runs} of ${runsMs} ms`;
    const request = { mode: 'query', code: programOf(runsMs), timeoutMs } as const;
    const withinMs = Math.min(bounds.execute, timeoutMs === null ? bounds.execute : timeoutMs + bounds.limit);
    this.#callers.ask(
      { what: 'exec', subject, withinMs },
      (agent) => agent.execute(kernel.id, run, request, neverAborted()),
      ({ ok }) => {
        if (ok) this.#follow(kernel, run, { subject, withinMs: (timeoutMs ?? runsMs) + bounds.output });
      },
    );
  }

  /** Reads what a run says, to its end. */
  #follow(kernel: KernelHistory, run: RunId, of: { readonly subject: string; readonly withinMs: number }): void {
    this.#callers.ask(
      { what: 'follow', ...of },
      async (agent) => {
        let [text, numbers, end] = ['', 0, ''];
        for await (const { n, event, body } of agent.events(kernel.id, run, 0, neverAborted())) {
          numbers += 1;
          if (n !== numbers) this.#simulation.fail(`event ${n} of a run of ${kernel.name} comes as the ${numbers}.`);
          if (event.kind === 'stdout') text += Buffer.from(body).toString();
          if (event.kind === 'finished') end = event.reason;
        }
        return { text, end };
      },
      (outcome) => {
        if (!outcome.ok) return;
        const { text, end } = outcome.value;
        if (end === '') this.#simulation.fail(`a run of ${kernel.name} has no end`);
        if (end === 'exited' && text !== outputOf(run))
          this.#simulation.fail(`a run of ${kernel.name} has printed ${JSON.stringify(text)}`);
      },
    );
  }

  #cancel(kernel: KernelHistory): void {
    const run = this.#lastRun.get(kernel);
    if (run === undefined) return;
    this.#callers.ask({ what: 'cancel', subject: kernel.name, withinMs: bounds.execute }, (agent) =>
      agent.cancel(kernel.id, run, 'SIGTERM', neverAborted()),
    );
  }

  #daemonBack(afterMs: number): void {
    const { timeline, world } = this.#simulation.machine;
    timeline.schedule(afterMs, world, () => this.#simulation.startDaemon());
  }
}

/** Has a container of a kernel be made. */
async function making(kernel: KernelHistory, hasIdleLimit: boolean, make: () => Promise<unknown>): Promise<void> {
  kernel.begin();
  kernel.hasIdleLimit ||= hasIdleLimit;
  kernel.creators += 1;
  const { preparations } = kernel;
  try {
    await make();
  } catch (error) {
    // What this daemon could neither tell nor take back, as on a full disk, the next one does.
    kernel.mayEndUntold ||= kernel.preparations === preparations;
    throw error;
  } finally {
    kernel.creators -= 1;
  }
}
