/** Ends everything of the tenant's, process groups that left their session included. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import { sleep } from '../lib/clock.ts';

/** Most processes end within a millisecond or two of their signal. */
const firstPollMs = 1;
const maxPollMs = 20;
const afterKillMs = 2000;

/** SIGTERM to every process of this uid, SIGKILL to those that are left after `graceMs`. */
export async function endTenant(uid: number, graceMs: number, clock: Clock): Promise<void> {
  // A stopped process cannot act on SIGTERM.
  signalAll(uid, 'SIGTERM');
  signalAll(uid, 'SIGCONT');
  const softUntil = clock.monotonic() + graceMs;
  for (let pollMs = firstPollMs; clock.monotonic() < softUntil; pollMs = Math.min(2 * pollMs, maxPollMs)) {
    if (tenantPids(uid).length === 0) return;
    await sleep(clock, pollMs);
  }
  const hardUntil = clock.monotonic() + afterKillMs;
  // Each round also meets what was forked during the one before.
  while (signalAll(uid, 'SIGKILL') > 0 && clock.monotonic() < hardUntil) await sleep(clock, maxPollMs);
}

/** Processes with this real uid, zombies, the runner itself and the container's first process left out. */
export function tenantPids(uid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 1 && pid !== process.pid && isAliveWithUid(pid, uid));
}

function isAliveWithUid(pid: number, uid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return !/^State:\s+[ZX]/m.test(status) && Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]) === uid;
  } catch {
    return false;
  }
}

function signalAll(uid: number, signal: NodeJS.Signals): number {
  const pids = tenantPids(uid);
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself meanwhile.
    }
  }
  return pids.length;
}
