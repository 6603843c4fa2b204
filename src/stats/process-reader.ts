/** Figures of the processes in containers, from `/proc` (spec resources-and-stats 13.4), where somebody wants them. */
import type { Clock } from '../lib/clock.ts';
import { isSystemError } from '../lib/system-error.ts';
import { YieldBudget } from '../lib/yield-budget.ts';
import type { Timed } from './container-sample.ts';
import { keyedNumber, toNumber, UnexpectedText, whole } from './file-text.ts';
import type { OpenFileCache } from './open-file-cache.ts';

/** What one process uses, by its files in `/proc`. */
export interface ProcessSample {
  readonly cpuMicroseconds: number;
  readonly memoryBytes: number;
  /** null when they may not be read. */
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
}

/** Of one container, at most so many processes are read. */
const maxProcesses = 1024;
/** The kernel counts CPU time of processes in hundredths of a second, and memory in pages. */
const tickMicroseconds = 10_000;
const pageBytes = 4096;

/** Reads the processes of a container, with pauses in which others run. */
export class ProcessReader {
  readonly #files: OpenFileCache;
  readonly #clock: Clock;

  constructor(files: OpenFileCache, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /** The processes by pid. One that has ended, or can't be read, is left out. Rejects with the signal's reason alone. */
  async read(pids: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, Timed<ProcessSample>>> {
    const budget = new YieldBudget({ clock: this.#clock });
    const samples = new Map<number, Timed<ProcessSample>>();
    for (const pid of pids.slice(0, maxProcesses)) {
      await budget.yieldIfSpent(signal);
      const sample = this.#sampleOf(pid);
      if (sample) samples.set(pid, { ...sample, at: this.#clock.monotonic() / 1000 });
    }
    return samples;
  }

  #sampleOf(pid: number): ProcessSample | null {
    try {
      return readProcess(this.#files, pid);
    } catch {
      return null;
    }
  }
}

/** Reads a process; null when it has ended. Throws UnexpectedText. */
export function readProcess(files: OpenFileCache, pid: number, processRoot = '/proc'): ProcessSample | null {
  const read = (name: string): string => {
    using file = files.file(`${processRoot}/${pid}/${name}`);
    return file.read();
  };
  try {
    return { ...parseStat(read('stat')), memoryBytes: parseStatm(read('statm')), ...bytesOf(read) };
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT', 'ESRCH')) return null;
    throw thrown;
  }
}

/** The program's name stands in brackets and may hold anything, so fields are counted from the last bracket on. */
function parseStat(text: string): { readonly cpuMicroseconds: number } {
  const fields = whole(text, 'stat')
    .slice(text.lastIndexOf(')') + 2)
    .split(' ');
  const [user, system] = [fields[11], fields[12]];
  if (user === undefined || system === undefined) throw new UnexpectedText('stat is cut off');
  return { cpuMicroseconds: (toNumber(user, 'stat') + toNumber(system, 'stat')) * tickMicroseconds };
}

function parseStatm(text: string): number {
  return toNumber(whole(text, 'statm').split(' ')[1] ?? '', 'statm') * pageBytes;
}

function bytesOf(read: (name: string) => string): Pick<ProcessSample, 'readBytes' | 'writtenBytes'> {
  try {
    const text = read('io');
    return { readBytes: keyedNumber(text, 'read_bytes:', 'io'), writtenBytes: keyedNumber(text, 'write_bytes:', 'io') };
  } catch (thrown) {
    if (isSystemError(thrown, 'EACCES', 'EPERM')) return { readBytes: null, writtenBytes: null };
    throw thrown;
  }
}
