/** What befalls a simulated node, as a schedule says: its engine, its machine, and the containers of its kernels. */
import { befallCluster } from './cluster/cluster-actions.ts';
import type { KernelHistory } from './history.ts';
import type { Action, Step } from './schedule.ts';
import type { Simulation } from './simulation.ts';
import { noDescriptors } from './world/memory-files.ts';
import { neverAborted } from './world/never-aborted.ts';

/** Between the end of one engine and the start of another at its address, in milliseconds. */
const awayMs = 100;

type Of<Kind extends Action['do']> = Extract<Action, { readonly do: Kind }>;

/** What people ask for, or do with the daemon. */
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
  | 'kill-daemon';

/** What nobody asks the daemon for. */
export type Trouble = Exclude<Step, { readonly do: CallerAction }>;

/** Has one world's troubles happen. */
export class Troubles {
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  do(action: Trouble): void {
    const { engines, machine } = this.#simulation;
    switch (action.do) {
      case 'fail-call':
        this.#planFault(action);
        break;
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
        befallCluster(this.#simulation, action);
        break;
      case 'stall-disk':
        this.#simulation.tell(`the disk stalls for ${action.forMs} ms`);
        this.#simulation.wasDiskStalled = true;
        machine.disk.stall();
        this.#simulation.later(action.forMs, () => machine.disk.goOn());
        break;
      case 'fill-disk':
        this.#fillDisk(action);
        break;
      default:
        this.#befallKernel(action);
    }
  }

  #planFault({ method, fault, after = 0 }: Of<'fail-call'>): void {
    const which = after === 0 ? `the next ${method}` : `the ${method} after ${after} others`;
    this.#simulation.tell(`${which} is to end so: ${fault}`);
    this.#simulation.engines.faults.plan(method, fault, after);
  }

  #befallKernel(
    action: Of<'exit'> | Of<'out-of-memory'> | Of<'remove-container'> | Of<'freeze-runner'> | Of<'lose-socket'>,
  ): void {
    const kernel = this.#simulation.kernelAt(action);
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
        this.#simulation.later(action.forMs, () => {
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
    this.#simulation.later(forMs, () => {
      isOver = true;
      this.#simulation.diskFullUntil = timeline.now;
      files.empty();
    });
    if (retakeMs === null || retakeMs === 0) return;
    const retake = (): void => {
      if (isOver) return;
      if (files.free > 0) this.#simulation.tell(`tenants take what has become free: ${files.free} bytes`);
      files.fill({ contested: false });
      this.#simulation.later(retakeMs, retake);
    };
    this.#simulation.later(retakeMs, retake);
  }

  #swapEngine({ forMs }: Of<'swap-engine'>): void {
    const { engines } = this.#simulation;
    this.#whileEngineAway(awayMs, 'the engine is away', () => {
      this.#simulation.tell(`another engine answers for ${forMs} ms`);
      engines.start(engines.other);
      this.#simulation.later(forMs, () =>
        this.#whileEngineAway(awayMs, 'the other engine is away', () => this.#ownEngine()),
      );
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
    this.#simulation.later(forMs, () => {
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
    this.#simulation.later(forMs, () => {
      if (engines.isUp) return;
      then();
      this.#simulation.tell('the engine is back');
    });
  }

  #ownEngine(): void {
    const { engines } = this.#simulation;
    if (!engines.isUp) engines.start(engines.own);
  }
}
