/**
 * Names of processes that were killed for want of memory, from the kernel's log. It is read only after a cgroup has
 * counted a kill, so that it costs nothing else; where it may not be read, kills have no names.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import { YieldBudget } from '../lib/yield-budget.ts';

/** The system calls on `/dev/kmsg`; tests have their own. */
export interface KillLogCalls {
  open(): number;
  /** One record; throws EAGAIN when there is none yet, EPIPE when the next ones were overwritten. */
  read(descriptor: number, buffer: Uint8Array): number;
  close(descriptor: number): void;
}

const recordBytes = 8192;
const maxRecords = 100_000;
const maxContainers = 1000;
const maxNames = 32;

const systemCalls: KillLogCalls = {
  open: () => openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK),
  read: (descriptor, buffer) => readSync(descriptor, buffer),
  close: (descriptor) => closeSync(descriptor),
};

/** The log. Dispose it to close it. */
export class OomLog implements Disposable {
  readonly #clock: Clock;
  readonly #calls: KillLogCalls;
  readonly #names = new Map<string, string[]>();
  readonly #buffer = Buffer.allocUnsafe(recordBytes);
  #descriptor: number | null = null;
  #isForbidden = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(clock: Clock, calls: KillLogCalls = systemCalls) {
    this.#clock = clock;
    this.#calls = calls;
  }

  /** Names of the container's killed processes that were not taken before; none when they can't be known. */
  async take(containerId: string, signal: AbortSignal): Promise<readonly string[]> {
    const reading = this.#reading.then(() => this.#readNew(signal));
    this.#reading = reading.catch(() => {});
    await reading;
    const names = this.#names.get(containerId) ?? [];
    this.#names.delete(containerId);
    return names;
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== null) this.#calls.close(this.#descriptor);
    this.#descriptor = null;
    this.#isForbidden = true;
  }

  async #readNew(signal: AbortSignal): Promise<void> {
    const budget = new YieldBudget({ clock: this.#clock });
    for (let records = 0; records < maxRecords && !this.#isForbidden; records += 1) {
      await budget.yieldIfSpent(signal);
      try {
        this.#descriptor ??= this.#calls.open();
        const size = this.#calls.read(this.#descriptor, this.#buffer);
        this.#note(this.#buffer.toString('utf8', 0, size));
      } catch (error) {
        const code = systemErrorCode(error);
        if (code === 'EPIPE' || code === 'EINVAL') continue;
        if (code !== 'EAGAIN') this.#isForbidden = true;
        return;
      }
    }
  }

  #note(record: string): void {
    const kill = parseKill(record);
    if (kill === null) return;
    const names = this.#names.get(kill.containerId) ?? [];
    if (names.length < maxNames) names.push(kill.name);
    this.#names.set(kill.containerId, names);
    const [oldest] = this.#names.keys();
    if (this.#names.size > maxContainers && oldest !== undefined) this.#names.delete(oldest);
  }
}

/**
 * Reads a record `6,7111,1296666982,-;oom-kill:constraint=…,task_memcg=/docker/ID,task=python3,pid=1,uid=1000`; null
 * for any other. The container's id is the last 64 hex digits of the cgroup's path. A tenant names its processes, but
 * cannot make what stands before the name.
 */
export function parseKill(record: string): { readonly containerId: string; readonly name: string } | null {
  const kill = /;oom-kill:constraint=[^\n]*?,task_memcg=([^,\n]*),task=([^\n]*),pid=\d+,uid=\d+/.exec(record);
  const [, cgroup = '', name = ''] = kill ?? [];
  const containerId = /([0-9a-f]{64})(?:\.scope)?(?:\/[^/]*)*$/.exec(cgroup)?.[1];
  return containerId === undefined ? null : { containerId, name };
}
