/** One simulated world: a machine, its engine, its daemon and what its kernels have been through. */
import path from 'node:path';
import type { Settings } from '../../src/config/settings.ts';
import type { DummyContainer } from '../../src/engine/dummy/dummy-containers.ts';
import type { DummyEngine } from '../../src/engine/dummy/dummy-engine.ts';
import { dummyImage } from '../../src/engine/dummy/dummy-images.ts';
import type { NumberedKernelEvent } from '../../src/events/kernel-event.ts';
import { labelNames } from '../../src/kernel/container/ownership.ts';
import { decodeEngineIdentity } from '../../src/kernel/reconciliation/engine-identity.ts';
import type { KernelRecord } from '../../src/kernel/record.ts';
import type { LogFields, Logger } from '../../src/lib/log.ts';
import { randomOf } from '../support/random.ts';
import { Cluster } from './cluster/cluster.ts';
import { KernelHistory, Violation } from './history.ts';
import { Daemon } from './node/daemon.ts';
import { EngineHost } from './node/engine-host.ts';
import { SimulatedRunner } from './node/simulated-runner.ts';
import { kernelCount, type Schedule } from './schedule.ts';
import type { CallsOfAll } from './worker-messages.ts';
import { enter, epochMs, Machine } from './world/interposition.ts';
import { neverAborted } from './world/never-aborted.ts';
import { Owner } from './world/timeline.ts';

/** The image of all kernels. */
export const image = 'kernelet/base:latest';
/** A container that is somebody else's, with a name and labels that could mislead. */
const foreign = { name: 'kernel.shell.not-ours', labels: { [labelNames.kernelId]: 'not-ours' } };

/** After which the service manager starts a daemon again that could not start. */
const restartMs = 2_000;

/** After which an end that could not be recorded is recorded where there is room again. */
const retryMs = 30_000;

/** A program in a container: its process, and the runner that it is. */
interface Program {
  readonly owner: Owner;
  readonly container: DummyContainer;
}

/** By which the program finds where it is installed. */
const installedImages = path.resolve(import.meta.dirname, '../../images/python/Dockerfile');

/** From a container's start until its runner listens. */
const runnerStartMs = 12;

/** What processes find in `/proc` and the like. */
const systemFiles: Readonly<Record<string, string>> = {
  '/proc/self/limits': 'Max open files            65536                65536                files\n',
  '/proc/self/mountinfo': '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n',
  '/proc/meminfo': 'MemTotal:       65536000 kB\n',
};

/** One world, which is the one that all code sees from its making on. */
export class Simulation {
  readonly machine: Machine;
  readonly engines: EngineHost;
  readonly kernels: readonly KernelHistory[];
  readonly settings: Settings;
  /** As in `Schedule`. */
  readonly isOnlyFault: boolean;
  /** As in `Schedule`. */
  readonly isMember: boolean;
  readonly cluster: Cluster;
  readonly transcript: string[] = [];
  /** The first invariant that did not hold. */
  violation: Violation | null = null;
  /** When the disk was full last, as the time of this world; what was kept may have been let go then. */
  diskFullUntil = Number.NEGATIVE_INFINITY;
  wasDiskStalled = false;
  /** Whether nothing befalls it any more. */
  isWell = false;
  daemon: Daemon | null = null;
  readonly #programs = new Map<string, Program>();
  /** What was read of events, by their numbers. */
  readonly #events = new Map<number, string>();
  /** The numbers of the ends that were read, and those of them that the daemon of now has shown. */
  readonly #ends = new Set<number>();
  #endsShown = new Set<number>();
  #lives = 0;
  /** When there was no daemon that was ready, the last time that it was looked at. */
  #absentAt = 0;
  #boots = 0;

  constructor({ seed, isOnlyFault = false, isMember = false }: Schedule, settings: Settings) {
    this.settings = settings;
    this.isOnlyFault = isOnlyFault;
    this.isMember = isMember;
    let parts = 0;
    this.machine = new Machine(() => {
      parts += 1;
      return randomOf(seed * 8 + parts);
    });
    const { timeline, world } = this.machine;
    this.cluster = new Cluster({ timeline, world, seed, tell: (text) => this.tell(text) });
    this.machine.cluster = this.cluster;
    enter(this.machine);
    this.kernels = Array.from({ length: kernelCount }, (_, index) => {
      const id = `${String(index).repeat(8)}-0000-4000-8000-000000000000`;
      return new KernelHistory(id, `k${index}`, settings.onEngineRestart === 'restart');
    });
    this.engines = new EngineHost({
      timeline: this.machine.timeline,
      world: this.machine.world,
      random: randomOf(seed * 8),
      tell: (text) => this.tell(text),
      options: {
        images: [dummyImage(image, { labels: { 'ai.backend.runtime-type': 'shell' } })],
        onStart: (container) => this.#begin(container),
        onPause: (container, isPaused) => this.#standStill(container, isPaused),
      },
    });
    for (const [at, text] of Object.entries(systemFiles)) this.machine.disk.files.plant(at, text);
    for (const folder of ['/proc/self/fd', installedImages]) this.machine.disk.files.plantFolder(folder);
    this.boot();
    this.machine.sockets.isPortTaken = (port) =>
      this.engines.own.containers.some(
        ({ running, spec }) => running && spec.ports.some((one) => one.hostPort === port),
      );
  }

  get now(): number {
    return this.machine.timeline.now;
  }

  get wasDiskFull(): boolean {
    return this.diskFullUntil > Number.NEGATIVE_INFINITY;
  }

  /** Whether the disk is full, or was within so long. */
  wasFullWithin(forMs: number): boolean {
    return this.now - this.diskFullUntil <= forMs;
  }

  /** A line of the transcript. */
  tell(text: string): void {
    let line = text;
    for (const { id, name } of this.kernels) line = line.replaceAll(id, name);
    this.transcript.push(`${(this.now / 1000).toFixed(3).padStart(9)}  ${line}`);
  }

  /** Notes that an invariant does not hold; the first one counts. */
  fail(text: string): void {
    if (this.violation) return;
    this.tell(`VIOLATION: ${text}`);
    this.violation = new Violation(text);
  }

  /** Puts somebody else's things in the place, which nobody is to touch. */
  async plantForeign(): Promise<void> {
    const { own } = this.engines;
    const signal = new AbortController().signal;
    const id = await own.createContainer(
      {
        ...foreign,
        image,
        ...{ hostname: 'x', entrypoint: [], command: [], environ: [], workingDirectory: '/', mounts: [] },
        ...{ temporaryFilesystems: {}, network: 'bridge', networkAliases: [], ports: [], capabilities: [] },
        ...{ limits: { cpus: null, memoryBytes: null, processes: null } },
        ...{ noNewPrivileges: true, securityOptions: [], logLimitBytes: 1, init: false },
      },
      signal,
    );
    await own.startContainer(id, signal);
    await own.createNetwork({ name: 'kernelet-not-ours', labels: {} }, signal);
    this.machine.disk.files.plant(`${this.settings.container.scratchRoot}/not-ours/file`, 'somebody else’s');
  }

  /** Whether somebody else's things are there as they were. */
  get isForeignUntouched(): boolean {
    const { own } = this.engines;
    const container = own.containers.find(({ spec }) => spec.name === foreign.name);
    const file = this.machine.disk.files.textOf(`${this.settings.container.scratchRoot}/not-ours/file`);
    return container !== undefined && file !== null;
  }

  /** The engine that the daemon knows for the kernels' own: a node without kernels may have taken another. */
  async knownEngine(): Promise<DummyEngine> {
    const { own, other } = this.engines;
    const text = this.machine.disk.files.textOf(`${this.settings.stateDir}/engine.json`);
    if (text === null) return own;
    const { markName, mark } = decodeEngineIdentity(text);
    return mark !== null && (await other.readMark(markName, neverAborted())) === mark ? other : own;
  }

  /** Does something after a time in milliseconds, unless everything is well again by then. */
  later(delayMs: number, run: () => void): void {
    const { timeline, world } = this.machine;
    timeline.schedule(delayMs, world, () => {
      if (!this.isWell) run();
    });
  }

  /** The kernel of an action. */
  kernelAt({ kernel }: { readonly kernel: number }): KernelHistory {
    const found = this.kernels[kernel];
    if (!found) throw new Error(`there is no kernel ${kernel}`);
    return found;
  }

  /** The container of a kernel, if there is one that has not ended. */
  containerOf(kernel: KernelHistory): DummyContainer | null {
    return this.#containersOf(kernel).find(({ running }) => running) ?? null;
  }

  /**
   * Whether a kernel has a container that the end of its engine or machine ends, or one whose end is not told yet and had
   * one of the statuses with which containers end then: who did not see it happen cannot tell them apart.
   */
  mayFall(kernel: KernelHistory): boolean {
    const statuses = [0, 137, 143, 255];
    const isLike = ({ running, state, exitCode }: DummyContainer): boolean =>
      running || (state === 'exited' && statuses.includes(exitCode));
    return kernel.isLive && this.#containersOf(kernel).some(isLike);
  }

  #containersOf(kernel: KernelHistory): readonly DummyContainer[] {
    return this.engines.containers.filter(({ spec }) => spec.labels[labelNames.kernelId] === kernel.id);
  }

  /** The program in a container. */
  programOf(container: DummyContainer): Owner | null {
    return this.#programs.get(container.id)?.owner ?? null;
  }

  /** Notes ends that were read once and are not among the events any more. */
  checkEndsKept(): void {
    if (this.wasDiskFull) return;
    for (const end of this.#ends) if (!this.#endsShown.has(end)) this.fail(`the end of event ${end} is not kept`);
  }

  startDaemon(): void {
    if (this.daemon && !this.daemon.owner.hasEnded) return;
    this.#endsShown = new Set();
    this.#lives += 1;
    this.tell(`the daemon is started, for the ${this.#lives}. time`);
    this.daemon = Daemon.start(`daemon ${this.#lives}`, {
      machine: this.machine,
      settings: this.settings,
      isMember: this.isMember,
      connectEngine: (owner) => this.engines.connect(owner),
      log: this.#logger({}),
      onEvent: (event) => this.#take(event),
      onFailure: (error) => this.#startFailed(error),
    });
  }

  /** Nothing of the daemon is left but what is on the disk and in the engine. */
  killDaemon(): void {
    const { daemon } = this;
    if (!daemon || daemon.owner.hasEnded) return;
    this.tell('the daemon is killed');
    for (const kernel of this.kernels) {
      if (kernel.creators > 0) kernel.mayEndUntold = true;
      // An end waits for room to be recorded in, unless it is forced.
      kernel.isUnrecorded ||= this.wasDiskStalled || (kernel.wasForced && this.wasFullWithin(retryMs));
      kernel.creators = 0;
    }
    this.machine.kill(daemon.owner);
    this.engines.forget(daemon.owner);
    this.cluster.redis.forget(daemon.owner);
  }

  /** All calls so far of the engine and of the cluster's services. */
  get calls(): CallsOfAll {
    const { redis, etcd } = this.cluster;
    return { engine: this.engines.faults.calls, redis: redis.service.faults.calls, etcd: etcd.service.faults.calls };
  }

  /** The calls that were to go wrong and have not come. */
  get unspentFaults(): readonly string[] {
    const { redis, etcd } = this.cluster;
    return [this.engines, redis.service, etcd.service].flatMap(({ faults }) => faults.unspent);
  }

  /** Since when there is a daemon that is ready, in milliseconds since the world's begin. */
  get couldTell(): number {
    if (this.records === null) this.#absentAt = this.now;
    return this.#absentAt;
  }

  get isAnyFrozen(): boolean {
    return [...this.#programs.values()].some(({ owner }) => owner.isFrozen);
  }

  /** Every program that stood still goes on. */
  thaw(): void {
    for (const { owner, container } of this.#programs.values())
      if (owner.isFrozen && container.state !== 'paused') this.machine.timeline.thaw(owner);
  }

  /** The kernels that live, as the daemon has them; null while there is none that is ready. */
  get records(): readonly KernelRecord[] | null {
    if (!this.daemon || this.daemon.owner.hasEnded || !this.daemon.isReady) return null;
    return this.daemon.node?.kernels.list() ?? null;
  }

  /** Where a kernel stands, as the daemon says; null: it knows none that lives. */
  phaseOf(kernel: KernelHistory): string | null {
    return this.records?.find(({ spec }) => spec.id === kernel.id)?.phase ?? null;
  }

  /** Whether the engine has not listed the container of a kernel, which proves nothing for a while. */
  get isAnyMissing(): boolean {
    return this.records?.some(({ missingSince }) => missingSince !== null) ?? false;
  }

  /** Whether there is a folder of a kernel that does not live. */
  get hasOrphanFolder(): boolean {
    const names = this.machine.disk.files.namesIn(this.settings.container.scratchRoot);
    const live = new Set<string>(this.records?.map(({ spec }) => spec.id));
    return this.kernels.some(({ id }) => names.includes(id) && !live.has(id));
  }

  /** Ends all programs in containers, as the end of their engine or machine does. */
  endContainers(exitCode: number): void {
    this.engines.answering.restart(exitCode);
  }

  /** The machine has started: it has another boot id. */
  boot(): void {
    this.#boots += 1;
    const id = `${String(this.#boots).padStart(8, '0')}-0000-4000-8000-000000000000\n`;
    this.machine.disk.files.plant('/proc/sys/kernel/random/boot_id', id);
    this.machine.disk.files.plant('/proc/stat', `cpu  1 0 1 8 0 0 0 0 0 0\nbtime ${(epochMs + this.now) / 1000}\n`);
  }

  #startFailed(error: unknown): void {
    const { daemon } = this;
    if (!daemon) return;
    this.tell(`the daemon could not start: ${String(error)}`);
    const { timeline, world } = this.machine;
    timeline.schedule(0, world, () => this.killDaemon());
    timeline.schedule(restartMs, world, () => this.startDaemon());
  }

  #take(event: NumberedKernelEvent): void {
    const { sequence } = event;
    const { type, kernelId } = event.event;
    if (type === 'kernel-terminated') this.#endsShown.add(sequence);
    const text = JSON.stringify(event);
    const known = this.#events.get(sequence);
    if (known === text) return;
    // A full disk takes no note of numbers.
    if (known !== undefined && !this.wasDiskFull) this.fail(`the number ${sequence} of an event is given twice`);
    this.#events.set(sequence, text);
    if (type === 'kernel-terminated') this.#ends.add(sequence);
    const detail =
      type === 'kernel-terminated' || type === 'kernel-restarting'
        ? ` ${event.event.reason}: ${event.event.detail}`
        : '';
    this.tell(`event ${event.sequence}: ${type} ${kernelId}${detail}`);
    const kernel = this.kernels.find(({ id }) => id === kernelId);
    if (!kernel) {
      this.fail(`an event of an unknown kernel ${kernelId} is told`);
      return;
    }
    try {
      kernel.take(event.event);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.fail(error.message);
    }
    if (type === 'kernel-started' && !kernel.hasHome) this.#moveIn(kernel);
  }

  /** The user of a kernel that runs writes a file. */
  #moveIn(kernel: KernelHistory): void {
    const home = `${this.settings.container.scratchRoot}/${kernel.id}/work`;
    // It may be over by the time that this is heard.
    if (!this.machine.disk.files.peek(home)) return;
    this.machine.disk.files.plant(`${home}/precious`, kernel.id);
    kernel.hasHome = true;
  }

  /** The program of a container that is paused stands still, and goes on with it. */
  #standStill(container: DummyContainer, isPaused: boolean): void {
    const program = this.programOf(container);
    if (!program || program.isFrozen === isPaused) return;
    if (isPaused) program.freeze();
    else this.machine.timeline.thaw(program);
  }

  /** The program of a container begins, in a process of its own. */
  #begin(container: DummyContainer): void {
    const { spec, id } = container;
    this.kernels.find((kernel) => kernel.id === spec.labels[labelNames.kernelId])?.beginContainer();
    const { disk, timeline } = this.machine;
    const names = `/containers/${id}`;
    for (const name of ['hosts', 'resolv.conf', 'hostname']) disk.files.plant(`${names}/${name}`, `${name} of ${id}`);
    const owner = new Owner(spec.name);
    this.#programs.set(id, { owner, container });
    const run = spec.mounts.find(({ source }) => source.endsWith('/run'))?.source;
    if (run !== undefined) timeline.schedule(runnerStartMs, owner, () => this.#serve(run, container));
    void this.#untilEnded(container, owner);
  }

  #serve(run: string, container: DummyContainer): void {
    const secret = secretIn(this.machine.disk.files.textOf(`${run}/runner.json`) ?? '');
    if (secret === null) {
      container.exit(1);
      return;
    }
    new SimulatedRunner(secret, container).listen(`${run}/runner.sock`).catch(() => container.exit(1));
  }

  async #untilEnded(container: DummyContainer, owner: Owner): Promise<void> {
    while (container.running) await container.changed(neverAborted());
    this.#programs.delete(container.id);
    this.machine.kill(owner);
  }

  #logger(fields: LogFields): Logger {
    const say =
      (level: string) =>
      (message: string, own: LogFields = {}) => {
        const all = { ...fields, ...own };
        const parts = Object.entries(all).map(([key, value]) => `${key}=${textOf(value)}`);
        this.tell(`${level}: ${[message, ...parts].join(' ')}`);
      };
    return {
      debug() {},
      info() {},
      warn: say('warning'),
      error: say('error'),
      child: (more) => this.#logger({ ...fields, ...more }),
    };
  }
}

/** Of a runner's settings; null where they cannot be read, as after a loss of power before they were on the disk. */
function secretIn(text: string): string | null {
  try {
    return (JSON.parse(text) as { secret: string }).secret;
  } catch {
    return null;
  }
}

function textOf(value: unknown): string {
  if (value instanceof Error) return `(${value.message.split('\n')[0]})`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
