/** One container of the dummy engine: a state machine without a process. */
import { asContainerId, type ContainerId } from '../../lib/ids.ts';
import type { ContainerDetail, ContainerSpec, ContainerState, ContainerSummary, LogChunk } from '../engine.ts';

/** Bound on the log of one container, in chunks; the oldest go first. */
const logLimit = 10_000;

/** What a hook may do with a container. */
export class DummyContainer {
  readonly id: ContainerId;
  readonly spec: ContainerSpec;
  readonly pid: number;
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
    this.id = asContainerId(`d${serial.toString(16).padStart(63, '0')}`);
    this.pid = 100_000 + serial;
    this.#onExit = onExit;
  }

  get state(): ContainerState {
    return this.#state;
  }

  get running(): boolean {
    return this.#state === 'running';
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

  /** Adds to its log. */
  write(stream: LogChunk['stream'], text: string): void {
    this.log.push({ stream, data: new TextEncoder().encode(text) });
    if (this.log.length > logLimit) this.log.shift();
    this.#notify();
  }

  /** Resolves at the next change of state or log; rejects when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#changed.delete(onChange);
        reject(signal.reason);
      };
      const onChange = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#changed.add(onChange);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** As a listing shows it. */
  summary(): ContainerSummary {
    return {
      id: this.id,
      name: this.spec.name,
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
      cgroupParent: '',
      nameFiles: {
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
