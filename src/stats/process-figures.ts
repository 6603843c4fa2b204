/** Figures of the processes in containers (spec resources-and-stats 13.4), collected where somebody wants them. */
import type { Clock } from '../lib/clock.ts';
import { YieldBudget } from '../lib/yield-budget.ts';
import type { DeviceMeasures } from './device-figures.ts';
import type { KeptFiles } from './kept-files.ts';
import { processMeasures } from './measure.ts';
import { MetricStore, type WrittenMetrics } from './metric-store.ts';
import { readProcess } from './process-reader.ts';

/** Of one container, at most so many processes are looked at. */
const maxProcesses = 1024;

/** The figures. Metrics of processes that have gone are dropped. */
export class ProcessFigures {
  readonly #files: KeptFiles;
  readonly #clock: Clock;
  readonly #books = new Map<string, MetricStore>();
  /** What processes use of devices, by pid. */
  readonly #devices = new MetricStore();

  constructor(files: KeptFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /** Looks at a container's processes; returns their metrics by pid. A process that can't be read is left out. */
  async collect(
    containerId: string,
    pids: readonly number[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, WrittenMetrics>> {
    const book = this.#books.get(containerId) ?? new MetricStore();
    this.#books.set(containerId, book);
    const budget = new YieldBudget({ clock: this.#clock });
    const found = new Map<number, WrittenMetrics>();
    for (const pid of pids.slice(0, maxProcesses)) {
      await budget.yieldIfSpent(signal);
      const measures = this.#measuresOf(pid);
      for (const { key, definition, ...measured } of measures) {
        book.enter(String(pid), key, definition, measured, this.#clock.monotonic() / 1000);
      }
      const written = measures.length > 0 ? book.written(String(pid)) : null;
      if (written) found.set(pid, { ...written, ...this.#devices.written(String(pid)) });
    }
    book.keep((id) => found.has(Number(id)));
    return found;
  }

  /** Enters what was measured of devices by process in a round; what is not among it is forgotten. */
  enterDevices(measures: ReadonlyMap<number, DeviceMeasures>, at: number): void {
    this.#devices.keep((pid) => measures.has(Number(pid)));
    for (const [pid, { fresh, keys }] of measures) {
      for (const { key, definition, ...measured } of fresh) {
        this.#devices.enter(String(pid), key, definition, measured, at);
      }
      this.#devices.keepOf(String(pid), (key) => keys.has(key));
    }
  }

  /** Forgets the containers that are not wanted any more. */
  keep(isWanted: (containerId: string) => boolean): void {
    for (const containerId of this.#books.keys()) if (!isWanted(containerId)) this.#books.delete(containerId);
  }

  #measuresOf(pid: number): ReturnType<typeof processMeasures> {
    try {
      const sample = readProcess(this.#files, pid);
      return sample === null ? [] : processMeasures(sample);
    } catch {
      return [];
    }
  }
}
