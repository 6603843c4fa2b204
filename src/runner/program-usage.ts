/** What a program has used, as far as the system tells it to whoever has started it. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import type { ProgramUsage } from '../protocol/run-description.ts';

/** The kernel shows clock ticks to programs as hundredths of a second, whatever its own are. */
const tickMs = 10;
/** The first look is early, for short programs; later ones cost a long one little. */
const firstLookMs = 20;
const longestPauseMs = 1000;

/** Looks at one program from its start on; disposing ends that. */
export class UsageWatch implements Disposable {
  readonly #pid: number;
  readonly #clock: Clock;
  #timer: Disposable;
  #peakBytes: number | null = null;

  constructor(pid: number, clock: Clock) {
    this.#pid = pid;
    this.#clock = clock;
    this.#timer = this.#lookIn(firstLookMs);
  }

  /** Asked for at once when the program was found to have ended. */
  ended(): ProgramUsage {
    this[Symbol.dispose]();
    return { cpuMs: takeEnded(), peakBytes: this.#peakBytes };
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

/** The time of processes that have ended since the last one was asked for, and of all that those have waited for. */
function takeEnded(): number {
  const allMs = childrenMs(readFileSync('/proc/self/stat', 'utf8'));
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
