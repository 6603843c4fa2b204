/** What a program has used, as far as the system tells it to whoever has started it. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';

/** The kernel shows clock ticks to programs as hundredths of a second, whatever its own are. */
const tickMs = 10;
/** The first look is early, for short programs; later ones cost a long one little. */
const firstLookMs = 20;
const longestPauseMs = 1000;

/** Looks at the memory of one program from its start on; disposing ends that. */
export class PeakWatch implements Disposable {
  readonly #pid: number;
  readonly #clock: Clock;
  #timer: Disposable;
  #peakBytes: number | null = null;

  constructor(pid: number, clock: Clock) {
    this.#pid = pid;
    this.#clock = clock;
    this.#timer = this.#lookIn(firstLookMs);
  }

  /** The most that it had by the last look; null: there was none. */
  get peakBytes(): number | null {
    return this.#peakBytes;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #lookIn(pauseMs: number): Disposable {
    const timer = this.#clock.after(pauseMs, () => {
      this.#look();
      this.#timer = this.#lookIn(Math.min(2 * pauseMs, longestPauseMs));
    });
    timer.unref();
    return timer;
  }

  /** The system keeps the peak itself, until the program ends. */
  #look(): void {
    try {
      const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8')) ?? [];
      if (kib !== undefined) this.#peakBytes = Math.max(this.#peakBytes ?? 0, Number(kib) * 1024);
    } catch {
      // It has just ended.
    }
  }
}

let takenMs = 0;

/**
 * CPU time of processes that have ended since this was asked the last time, and of all that those have waited for. Whoever asks for
 * each that ends, at once, has the time of that one; what ended in the same moment is in it too.
 */
export function takeEndedMs(): number {
  let allMs: number;
  try {
    allMs = childrenMs(readFileSync('/proc/self/stat', 'utf8'));
  } catch {
    // No descriptor is left, or there is no /proc.
    return 0;
  }
  const ms = allMs - takenMs;
  takenMs = allMs;
  return ms;
}

/** CPU time of the children of a process that have ended, of its line in /proc (proc(5): cutime and cstime). */
export function childrenMs(stat: string): number {
  // The name in front, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * tickMs;
}
