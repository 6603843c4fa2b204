/** Where the figures of containers come from: read directly, or asked of the engine. */

import type { EngineFigures } from '../engine/engine.ts';
import { withDeadline } from '../lib/deadline.ts';
import { ContainerReader, type ReaderHost } from './container-reader.ts';
import { type ContainerSample, emptySample, type MissingMetric, missingMetricOf } from './container-sample.ts';

/** The source of figures of the containers that were opened. */
export interface ContainerSource extends Disposable {
  /** Makes ready to read a container; one that is open already costs nothing. Never rejects, but when the signal aborts. */
  open(containerId: string, signal: AbortSignal): Promise<void>;
  /** Its figures; null when it is not open or has vanished. */
  read(containerId: string, signal: AbortSignal): ContainerSample | null | Promise<ContainerSample | null>;
  /** The pids of its processes, as the host counts them; none where they can't be known. */
  pids(containerId: string): readonly number[];
  /** Lets go of a container. */
  forget(containerId: string): void;
  /** Lets go of those that are not wanted any more. */
  keep(isWanted: (containerId: string) => boolean): void;
}

const pidDeadlineMs = 5_000;
/** The opening ends by its own deadline before. */
const openDeadlineMs = 2 * pidDeadlineMs;

/** More than are kept open of any container. */
const filesOfContainer = 20;

/** Reads cgroup files and `/proc`. */
export class DirectSource implements ContainerSource {
  readonly #host: ReaderHost;
  readonly #pidOf: (containerId: string, signal: AbortSignal) => Promise<number | null>;
  readonly #readers = new Map<string, ContainerReader | { readonly failure: MissingMetric }>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #end = new AbortController();
  /** Opening takes a millisecond and is not to be divided: it is done for one container in a turn of the event loop. */
  #turn: Promise<void> = Promise.resolve();

  /** `pidOf` gives the pid of a container's first process, or null when it has none. */
  constructor(host: ReaderHost, pidOf: (containerId: string, signal: AbortSignal) => Promise<number | null>) {
    this.#host = host;
    this.#pidOf = pidOf;
  }

  open(containerId: string, signal: AbortSignal): Promise<void> {
    if (this.#readers.get(containerId) instanceof ContainerReader) return Promise.resolve();
    // Shared: whoever asked first may leave, and the others go on waiting.
    const opening =
      this.#opening.get(containerId) ?? this.#open(containerId).finally(() => this.#opening.delete(containerId));
    this.#opening.set(containerId, opening);
    return withDeadline({ what: opensWhat(containerId), timeoutMs: openDeadlineMs, signal }, () => opening);
  }

  read(containerId: string): ContainerSample | null {
    const reader = this.#readers.get(containerId);
    if (!(reader instanceof ContainerReader)) {
      return reader ? { ...emptySample, missing: [reader.failure] } : null;
    }
    const sample = reader.read();
    if (sample === null) this.forget(containerId);
    return sample;
  }

  pids(containerId: string): readonly number[] {
    const reader = this.#readers.get(containerId);
    try {
      return (reader instanceof ContainerReader ? reader.pids() : null) ?? [];
    } catch {
      // One container whose list may not be read must not cost the others theirs.
      return [];
    }
  }

  forget(containerId: string): void {
    const reader = this.#readers.get(containerId);
    if (reader instanceof ContainerReader) reader[Symbol.dispose]();
    this.#readers.delete(containerId);
  }

  keep(isWanted: (containerId: string) => boolean): void {
    for (const containerId of this.#readers.keys()) if (!isWanted(containerId)) this.forget(containerId);
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.keep(() => false);
  }

  async #open(containerId: string): Promise<void> {
    const { signal } = this.#end;
    const options = { what: opensWhat(containerId), timeoutMs: pidDeadlineMs, signal };
    try {
      const pid = await withDeadline(options, (deadline) => this.#pidOf(containerId, deadline.signal));
      await this.#host.files.makeRoom((this.#readers.size + this.#opening.size) * filesOfContainer);
      await this.#ownTurn();
      signal.throwIfAborted();
      const reader = pid === null ? null : ContainerReader.open(this.#host, pid, containerId);
      if (reader === null) this.#readers.delete(containerId);
      else this.#readers.set(containerId, reader);
    } catch (error) {
      if (!signal.aborted) this.#readers.set(containerId, { failure: missingMetricOf('container', error) });
    }
  }

  #ownTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#turn;
  }
}

const opensWhat = (containerId: string): string => `the pid of container ${containerId}`;

const deadlineMs = 2_000;

/** The source. Processes are found by the source that reads directly. */
export class EngineSource implements ContainerSource {
  readonly #direct: ContainerSource;
  readonly #ask: (containerId: string, signal: AbortSignal) => Promise<EngineFigures | null>;

  constructor(
    direct: ContainerSource,
    ask: (containerId: string, signal: AbortSignal) => Promise<EngineFigures | null>,
  ) {
    this.#direct = direct;
    this.#ask = ask;
  }

  open(containerId: string, signal: AbortSignal): Promise<void> {
    return this.#direct.open(containerId, signal);
  }

  async read(containerId: string, signal: AbortSignal): Promise<ContainerSample | null> {
    const options = { what: `the figures of container ${containerId}`, timeoutMs: deadlineMs, signal };
    try {
      const figures = await withDeadline(options, (deadline) => this.#ask(containerId, deadline.signal));
      return figures === null ? null : sampleOf(figures);
    } catch (error) {
      signal.throwIfAborted();
      return { ...emptySample, missing: [missingMetricOf('container', error)] };
    }
  }

  pids(containerId: string): readonly number[] {
    return this.#direct.pids(containerId);
  }

  forget(containerId: string): void {
    this.#direct.forget(containerId);
  }

  keep(isWanted: (containerId: string) => boolean): void {
    this.#direct.keep(isWanted);
  }

  [Symbol.dispose](): void {
    this.#direct[Symbol.dispose]();
  }
}

/** From the engine's words to ours. */
export function sampleOf(figures: EngineFigures): ContainerSample {
  const { cpuNanoseconds, throttledNanoseconds, chargedBytes, droppableBytes, memoryPeakBytes, ...same } = figures;
  return {
    ...emptySample,
    ...same,
    cpuMicroseconds: microseconds(cpuNanoseconds),
    throttledMicroseconds: microseconds(throttledNanoseconds),
    memoryBytes: chargedBytes === null ? null : Math.max(0, chargedBytes - (droppableBytes ?? 0)),
    memoryPeakBytes: memoryPeakBytes === null ? null : Math.max(memoryPeakBytes, chargedBytes ?? 0),
  };
}

const microseconds = (nanoseconds: number | null): number | null =>
  nanoseconds === null ? null : Math.round(nanoseconds / 1000);
