/**
 * Figures of containers as the engine tells them: for engines whose cgroups can't be seen from here. It takes the
 * engine a second or so for each, and tells neither pressure nor refusals.
 */
import type { EngineFigures } from '../engine/engine.ts';
import { withDeadline } from '../lib/deadline.ts';
import { type ContainerSample, emptySample, missingMetricOf } from './container-sample.ts';
import type { ContainerSource } from './container-source.ts';

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
