/** The health of this process, measured from the first time that somebody asks: it costs a little all the time. */
import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

const resolutionMs = 20;

/** What is known of this process. Times are in seconds. */
export interface OwnHealth {
  /** By quantile, since the reading before; none at the first. */
  readonly loopDelay: ReadonlyMap<string, number>;
  /** How often the loop was looked at until now, and its delays added up. */
  readonly loopLooks: number;
  readonly loopDelayTotal: number;
  readonly loopBusyTotal: number;
  readonly cpuTotal: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly openFiles: number | null;
}

/** Measures from its first reading on, so that it costs nothing where nobody reads. Disposing it ends that. */
export class OwnHealthMeter implements Disposable {
  #delay: ReturnType<typeof monitorEventLoopDelay> | undefined;
  #looks = 0;
  #delayTotal = 0;

  /** Delays of the loop since the reading before; totals since the first one. */
  async read(): Promise<OwnHealth> {
    const loopDelay = new Map<string, number>();
    if (this.#delay) {
      // The monitor counts the pause between two looks, of which the resolution is none of the loop's delay.
      const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
      for (const quantile of [0.5, 0.9, 0.99]) {
        loopDelay.set(String(quantile), seconds(this.#delay.percentile(quantile * 100)));
      }
      loopDelay.set('1', seconds(this.#delay.max));
      const { count, mean } = this.#delay;
      this.#looks += count;
      if (count > 0) this.#delayTotal += seconds(mean) * count;
      this.#delay.reset();
    } else {
      this.#delay = monitorEventLoopDelay({ resolution: resolutionMs });
      this.#delay.enable();
    }
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      loopDelay,
      loopLooks: this.#looks,
      loopDelayTotal: this.#delayTotal,
      loopBusyTotal: performance.eventLoopUtilization().active / 1000,
      cpuTotal: (user + system) / 1e6,
      residentBytes: rss,
      heapBytes: heapUsed,
      openFiles: await readdir('/proc/self/fd').then(
        (names) => names.length,
        () => null,
      ),
    };
  }

  [Symbol.dispose](): void {
    this.#delay?.disable();
  }
}
