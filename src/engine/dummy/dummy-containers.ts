/** The containers of the dummy engine: state machines without a process, and what happens to them. */
import { addAbortListener } from 'node:events';
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { asContainerId, type ContainerId } from '../../lib/ids.ts';
import type {
  ContainerDetail,
  ContainerSpec,
  ContainerState,
  ContainerSummary,
  EngineEvent,
  LogChunk,
  WantedLabels,
} from '../engine.ts';
import type { DummyEvents } from './dummy-events.ts';
import type { DummyNetworks } from './dummy-networks.ts';

/** Bound on the log of one container, in chunks; the oldest go first. */
const logLimit = 10_000;

/** One container. A hook may write to its log and end it. */
export class DummyContainer {
  readonly id: ContainerId;
  readonly spec: ContainerSpec;
  readonly pid: number;
  /** What it is called now: people may have renamed it. */
  name: string;
  readonly log: LogChunk[] = [];
  #state: ContainerState = 'created';
  #exitCode = 0;
  #outOfMemory = false;
  #startedAt = '';
  #finishedAt = '';
  readonly #changed = new Set<() => void>();
  readonly #onExit: (container: DummyContainer) => void;

  constructor(spec: ContainerSpec, serial: number, onExit: (container: DummyContainer) => void) {
    this.spec = spec;
    this.name = spec.name;
    this.id = asContainerId(`d${serial.toString(16).padStart(63, '0')}`);
    this.pid = 100_000 + serial;
    this.#onExit = onExit;
  }

  get state(): ContainerState {
    return this.#state;
  }

  /** Whether it has its processes, which stand still while it is paused. */
  get running(): boolean {
    return this.#state === 'running' || this.#state === 'paused';
  }

  get exitCode(): number {
    return this.#exitCode;
  }

  /** Turns it on; its process is imaginary. */
  start(now: number): void {
    this.#state = 'running';
    this.#startedAt = new Date(now).toISOString();
    this.#notify();
  }

  /** Ends it, as its program, a signal or the memory limit would. Does nothing when it is not running. */
  exit(exitCode: number, options: { outOfMemory?: boolean; now?: number } = {}): void {
    if (!this.running) return;
    this.#state = 'exited';
    this.#exitCode = exitCode;
    this.#outOfMemory = options.outOfMemory ?? false;
    this.#finishedAt = new Date(options.now ?? Date.now()).toISOString();
    this.#onExit(this);
    this.#notify();
  }

  /** Has its process stand still, or go on. */
  setPaused(isPaused: boolean): void {
    this.#state = isPaused ? 'paused' : 'running';
    this.#notify();
  }

  /** Adds to its log, as its program would. */
  write(stream: LogChunk['stream'], text: string): void {
    this.log.push({ stream, data: new TextEncoder().encode(text) });
    if (this.log.length > logLimit) this.log.shift();
    this.#notify();
  }

  /** Resolves at the next change of state or log; rejects when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onChange = (): void => {
        listener[Symbol.dispose]();
        resolve();
      };
      const listener = addAbortListener(signal, () => {
        this.#changed.delete(onChange);
        reject(signal.reason);
      });
      this.#changed.add(onChange);
    });
  }

  /** As a listing shows it. */
  summary(): ContainerSummary {
    return {
      id: this.id,
      name: this.name,
      image: this.spec.image,
      labels: this.spec.labels,
      state: this.#state,
    };
  }

  /** As an inspection shows it. */
  detail(): ContainerDetail {
    return {
      ...this.summary(),
      pid: this.running ? this.pid : 0,
      exitCode: this.#exitCode,
      outOfMemory: this.#outOfMemory,
      error: '',
      startedAt: this.#startedAt,
      finishedAt: this.#finishedAt,
      ports: this.running ? this.spec.ports : [],
      networkAddress:
        this.running && typeof this.spec.network === 'string' && this.spec.network !== 'none'
          ? `10.0.0.${this.pid % 250}`
          : null,
      networks: typeof this.spec.network === 'string' ? [this.spec.network] : [],
      cgroupParent: '',
      networkFiles: {
        hosts: `/containers/${this.id}/hosts`,
        'resolv.conf': `/containers/${this.id}/resolv.conf`,
        hostname: `/containers/${this.id}/hostname`,
      },
    };
  }

  #notify(): void {
    const waiting = [...this.#changed];
    this.#changed.clear();
    for (const resolve of waiting) resolve();
  }
}

/** Containers by id. Thousands of them are as quick to work with as a few. */
export class DummyContainers {
  readonly #clock: Clock;
  readonly #events: DummyEvents;
  readonly #networks: DummyNetworks;
  readonly #containers = new Map<string, DummyContainer>();
  readonly #named = new Map<string, DummyContainer>();
  /** Host ports of those that run. */
  readonly #ports = new Set<number>();
  #serial: number;

  constructor(parts: {
    readonly clock: Clock;
    readonly events: DummyEvents;
    readonly networks: DummyNetworks;
    readonly firstSerial: number;
  }) {
    this.#serial = parts.firstSerial;
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#networks = parts.networks;
  }

  get all(): readonly DummyContainer[] {
    return [...this.#containers.values()];
  }

  withLabels(labels: WantedLabels): readonly DummyContainer[] {
    return this.all.filter((one) => hasLabels(one.spec.labels, labels));
  }

  find(idOrName: string): DummyContainer | undefined {
    return this.#containers.get(idOrName) ?? this.#named.get(idOrName);
  }

  /** Throws ENGINE_FAILED (404) when there is none. */
  require(id: ContainerId): DummyContainer {
    const container = this.#containers.get(id);
    if (!container) throw failed(404, `no container ${id}`);
    return container;
  }

  /** Throws KERNEL_EXISTS when the name is taken. */
  create(spec: ContainerSpec): ContainerId {
    if (this.#named.has(spec.name)) {
      throw new KerneletError('KERNEL_EXISTS', `a container named ${spec.name} exists already`, {
        context: { container: spec.name },
      });
    }
    this.#serial += 1;
    const container = new DummyContainer(spec, this.#serial, (ended) => {
      for (const { hostPort } of spec.ports) this.#ports.delete(hostPort);
      if (typeof spec.network === 'string') this.#networks.detach(spec.network, ended.id);
      if (ended.detail().outOfMemory) this.#emit(ended, 'out-of-memory');
      this.#emit(ended, 'died', ended.exitCode);
    });
    this.#containers.set(container.id, container);
    this.#named.set(spec.name, container);
    this.#emit(container, 'created');
    return container.id;
  }

  /** Answers the container when it was not running. Throws ENGINE_FAILED, with `context.port` for a port in use. */
  start(id: ContainerId): DummyContainer | null {
    const container = this.require(id);
    if (container.running) return null;
    this.#checkPorts(container);
    const { network } = container.spec;
    if (typeof network !== 'string') {
      if (!this.require(network.container).running) throw failed(409, `cannot join ${network.container}: not running`);
    } else if (!this.#networks.has(network)) {
      throw failed(404, `network ${network} not found`);
    }
    container.start(this.#clock.now());
    for (const { hostPort } of container.spec.ports) this.#ports.add(hostPort);
    if (typeof network === 'string') this.#networks.attach(network, id);
    this.#emit(container, 'started');
    return container;
  }

  /** Calls it something else, as people do with the engine's own tool. Throws ENGINE_FAILED (404) when there is none. */
  rename(id: ContainerId, name: string): void {
    const container = this.require(id);
    this.#named.delete(container.name);
    container.name = name;
    this.#named.set(name, container);
  }

  kill(id: ContainerId, killSignal: string): void {
    const container = this.#containers.get(id);
    if (!container?.running) return;
    this.#emit(container, 'killed');
    container.exit(killSignal === 'SIGKILL' ? 137 : 143, { now: this.#clock.now() });
  }

  /** Answers the container when that has changed something. Throws ENGINE_FAILED (409) for one that does not run. */
  setPaused(id: ContainerId, isPaused: boolean): DummyContainer | null {
    const container = this.require(id);
    if (!container.running) throw failed(409, `container ${id} is not running`);
    if ((container.state === 'paused') === isPaused) return null;
    container.setPaused(isPaused);
    this.#emit(container, isPaused ? 'paused' : 'resumed');
    return container;
  }

  async wait(id: ContainerId, signal: AbortSignal): Promise<number> {
    const container = this.require(id);
    while (container.running) await container.changed(signal);
    return container.exitCode;
  }

  remove(id: ContainerId): void {
    const container = this.#containers.get(id);
    if (!container) return;
    container.exit(137, { now: this.#clock.now() });
    this.#containers.delete(id);
    this.#named.delete(container.name);
    this.#emit(container, 'destroyed');
  }

  async *logs(
    id: ContainerId,
    options: { follow: boolean; tailLines?: number },
    signal: AbortSignal,
  ): AsyncGenerator<LogChunk, void, undefined> {
    const container = this.require(id);
    let next = options.tailLines === undefined ? 0 : Math.max(0, container.log.length - options.tailLines);
    for (;;) {
      while (next < container.log.length) {
        const chunk = container.log[next++];
        if (chunk) yield chunk;
      }
      if (!options.follow || !container.running) return;
      await container.changed(signal);
    }
  }

  /** Ends every container, as a stop of the engine does. */
  end(): void {
    for (const container of this.all) container.exit(137, { now: this.#clock.now() });
  }

  #checkPorts(container: DummyContainer): void {
    for (const { hostPort } of container.spec.ports) {
      if (this.#ports.has(hostPort)) {
        throw new KerneletError('ENGINE_FAILED', `port ${hostPort} is already allocated`, {
          context: { status: 500, port: hostPort },
        });
      }
    }
  }

  #emit(
    container: DummyContainer,
    action: Extract<EngineEvent, { type: 'container' }>['action'],
    exitCode?: number,
  ): void {
    const { id, name, spec } = container;
    const event = { type: 'container' as const, action, id, name, labels: spec.labels };
    this.#events.emit(exitCode === undefined ? event : { ...event, exitCode });
  }
}

/** How a real engine refuses. */
export function failed(status: number, message: string): KerneletError {
  return new KerneletError('ENGINE_FAILED', message, { context: { status } });
}

/** Whether every wanted label is there. */
export function hasLabels(have: Readonly<Record<string, string>>, want: WantedLabels): boolean {
  return Object.entries(want).every(([key, value]) =>
    value === null ? Object.hasOwn(have, key) : have[key] === value,
  );
}
