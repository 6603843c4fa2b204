/** Does what a schedule says: what people ask of the node, and what befalls it. */
import type { CreateRequest } from '../../src/agent/agent.ts';
import { parseRunId, type RunId } from '../../src/lib/ids.ts';
import type { Callers } from './callers.ts';
import { befallCluster } from './cluster/cluster-actions.ts';
import type { KernelHistory } from './history.ts';
import { checkNothingUsed } from './invariants.ts';
import { outputOf, programOf } from './node/simulated-runner.ts';
import { Pauses } from './pauses.ts';
import type { Action, Step } from './schedule.ts';
import { image, type Simulation } from './simulation.ts';
import { noDescriptors } from './world/memory-files.ts';
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

/** Between the end of one engine and the start of another at its address, in milliseconds. */
const awayMs = 100;

type Of<Kind extends Action['do']> = Extract<Action, { readonly do: Kind }>;

/** Carries out actions in one world. */
export class Actions {
  readonly #simulation: Simulation;
  readonly #callers: Callers;
  #runs = 0;
  /** The last run of each kernel. */
  readonly #lastRun = new Map<KernelHistory, RunId>();
  readonly #pauses: Pauses;

  constructor(simulation: Simulation, callers: Callers) {
    this.#simulation = simulation;
    this.#callers = callers;
    this.#pauses = new Pauses({ simulation, callers, later: (delayMs, run) => this.#later(delayMs, run) });
  }

  do(action: Step): void {
    switch (action.do) {
      case 'create':
        this.#create(action);
        break;
      case 'destroy':
        this.destroy(this.#kernel(action), action.force);
        break;
      case 'restart':
        this.#restart(this.#kernel(action));
        break;
      case 'pause':
      case 'pause-container':
        this.#pauses.do(this.#kernel(action), action);
        break;
      case 'restore':
        this.#restore(this.#kernel(action));
        break;
      case 'exec':
        this.#exec(action);
        break;
      case 'cancel':
        this.#cancel(this.#kernel(action));
        break;
      case 'list':
        this.#callers.ask({ what: 'list', subject: 'all', withinMs: bounds.list }, (agent) =>
          agent.list({ all: true }),
        );
        break;
      case 'inspect': {
        const kernel = this.#kernel(action);
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
      case 'fail-call':
        this.#planFault(action);
        break;
      default:
        this.#befall(action);
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

  #planFault({ method, fault, after = 0 }: Of<'fail-call'>): void {
    const which = after === 0 ? `the next ${method}` : `the ${method} after ${after} others`;
    this.#simulation.tell(`${which} is to end so: ${fault}`);
    this.#simulation.engines.faults.plan(method, fault, after);
  }

  #befall(action: Exclude<Step, { readonly do: CallerAction }>): void {
    const { engines, machine } = this.#simulation;
    switch (action.do) {
      case 'engine-away':
        this.#whileEngineAway(action.forMs, 'the engine is away', () => engines.start());
        break;
      case 'engine-hangs':
        this.#simulation.tell(`the engine hangs for ${action.forMs} ms`);
        engines.hang(action.forMs);
        break;
      case 'restart-engine':
        this.#restartEngine(action);
        break;
      case 'swap-engine':
        this.#swapEngine(action);
        break;
      case 'reboot':
      case 'lose-power':
        this.#reboot(action);
        break;
      case 'mix-events':
        this.#simulation.tell(`events of the engine are ${action.trouble}`);
        engines.mixEvents(action.trouble, action.forMs);
        break;
      case 'redis-away':
      case 'redis-hangs':
      case 'fail-redis':
      case 'etcd-away':
      case 'etcd-hangs':
      case 'fail-etcd':
        befallCluster(this.#simulation, action, (delayMs, run) => this.#later(delayMs, run));
        break;
      case 'stall-disk':
        this.#simulation.tell(`the disk stalls for ${action.forMs} ms`);
        this.#simulation.wasDiskStalled = true;
        machine.disk.stall();
        this.#later(action.forMs, () => machine.disk.goOn());
        break;
      case 'fill-disk':
        this.#fillDisk(action);
        break;
      default:
        this.#befallKernel(action);
    }
  }

  #befallKernel(
    action: Of<'exit'> | Of<'out-of-memory'> | Of<'remove-container'> | Of<'freeze-runner'> | Of<'lose-socket'>,
  ): void {
    const kernel = this.#kernel(action);
    const container = this.#simulation.containerOf(kernel);
    if (!container) return;
    this.#simulation.tell(`${kernel.name}: ${action.do}`);
    const { engines, machine, settings } = this.#simulation;
    switch (action.do) {
      case 'exit':
        kernel.exits.add(action.exitCode);
        container.exit(action.exitCode);
        break;
      case 'out-of-memory':
        kernel.wasKilledForMemory = true;
        container.exit(137, { outOfMemory: true });
        break;
      case 'remove-container':
        kernel.wasRemovedByOthers = true;
        // Whoever sees it between its end and its removal sees a container that was killed.
        kernel.exits.add(137);
        for (const engine of [engines.own, engines.other]) void engine.removeContainer(container.id, neverAborted());
        break;
      case 'freeze-runner': {
        const program = this.#simulation.programOf(container);
        if (!program || program.isFrozen) break;
        program.freeze();
        this.#later(action.forMs, () => {
          if (container.state !== 'paused') machine.timeline.thaw(program);
        });
        break;
      }
      case 'lose-socket': {
        const socket = `${settings.container.scratchRoot}/${kernel.id}/run/runner.sock`;
        if (machine.disk.files.peek(socket)) machine.disk.files.removeTree(socket, noDescriptors);
      }
    }
  }

  #create({
    kernel: index,
    publishes,
    accelerator,
    idleMs,
    isPausedWhenIdle = false,
    cancelAfterMs,
  }: Of<'create'>): void {
    const kernel = this.#kernel({ kernel: index });
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
    const kernel = this.#kernel({ kernel: index });
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

  #restartEngine({ keepsContainers, forMs }: Of<'restart-engine'>): void {
    const text = keepsContainers ? 'the engine restarts, its containers run on' : 'the engine restarts';
    this.#whileEngineAway(forMs, text, () => this.#simulation.engines.start());
    if (keepsContainers) return;
    this.#endContainers((kernel) => {
      kernel.hasEngineEnded = true;
      kernel.hasFallen = true;
    }, 137);
  }

  /** What a full disk takes no more it takes again after so long. */
  #fillDisk({ forMs, retakeMs = 0 }: Of<'fill-disk'>): void {
    const { disk, timeline } = this.#simulation.machine;
    const { files } = disk;
    this.#simulation.tell(`tenants fill the disk for ${forMs} ms`);
    this.#simulation.diskFullUntil = Number.POSITIVE_INFINITY;
    files.fill({ contested: retakeMs === 0 });
    let isOver = false;
    this.#later(forMs, () => {
      isOver = true;
      this.#simulation.diskFullUntil = timeline.now;
      files.empty();
    });
    if (retakeMs === null || retakeMs === 0) return;
    const retake = (): void => {
      if (isOver) return;
      if (files.free > 0) this.#simulation.tell(`tenants take what has become free: ${files.free} bytes`);
      files.fill({ contested: false });
      this.#later(retakeMs, retake);
    };
    this.#later(retakeMs, retake);
  }

  #swapEngine({ forMs }: Of<'swap-engine'>): void {
    const { engines } = this.#simulation;
    this.#whileEngineAway(awayMs, 'the engine is away', () => {
      this.#simulation.tell(`another engine answers for ${forMs} ms`);
      engines.start(engines.other);
      this.#later(forMs, () => this.#whileEngineAway(awayMs, 'the other engine is away', () => this.#ownEngine()));
    });
  }

  /** What was not synced is there after a reboot; of a loss of power, whatever part of it chance has. */
  #reboot({ do: how, forMs }: Of<'reboot'> | Of<'lose-power'>): void {
    const { engines, machine } = this.#simulation;
    const text =
      how === 'reboot' ? 'the machine ends and starts again' : 'the machine loses its power, and starts again';
    this.#simulation.tell(text);
    this.#simulation.killDaemon();
    if (engines.isUp) engines.stop();
    this.#endContainers((kernel) => {
      kernel.hasNodeRebooted = true;
      kernel.hasFallen = true;
    }, 255);
    if (how === 'lose-power') machine.disk.losePower();
    this.#simulation.boot();
    this.#later(forMs, () => {
      this.#ownEngine();
      this.#simulation.startDaemon();
    });
  }

  /** All of them; `note` is told of each kernel whose container ends so, or may be taken for one that has. */
  #endContainers(note: (kernel: KernelHistory) => void, exitCode: number): void {
    for (const kernel of this.#simulation.kernels) if (this.#simulation.mayFall(kernel)) note(kernel);
    this.#simulation.endContainers(exitCode);
  }

  #whileEngineAway(forMs: number, text: string, then: () => void): void {
    const { engines } = this.#simulation;
    if (!engines.isUp) return;
    this.#simulation.tell(`${text} for ${forMs} ms`);
    engines.stop();
    this.#later(forMs, () => {
      if (engines.isUp) return;
      then();
      this.#simulation.tell('the engine is back');
    });
  }

  #ownEngine(): void {
    const { engines } = this.#simulation;
    if (!engines.isUp) engines.start(engines.own);
  }

  #daemonBack(afterMs: number): void {
    const { timeline, world } = this.#simulation.machine;
    timeline.schedule(afterMs, world, () => this.#simulation.startDaemon());
  }

  #later(delayMs: number, run: () => void): void {
    const { timeline, world } = this.#simulation.machine;
    timeline.schedule(delayMs, world, () => {
      if (!this.#simulation.isWell) run();
    });
  }

  #kernel({ kernel }: { readonly kernel: number }): KernelHistory {
    const found = this.#simulation.kernels[kernel];
    if (!found) throw new Error(`there is no kernel ${kernel}`);
    return found;
  }
}

type CallerAction =
  | 'create'
  | 'destroy'
  | 'restart'
  | 'restore'
  | 'pause'
  | 'pause-container'
  | 'exec'
  | 'cancel'
  | 'list'
  | 'inspect'
  | 'figures'
  | 'stop-daemon'
  | 'kill-daemon'
  | 'fail-call';

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
