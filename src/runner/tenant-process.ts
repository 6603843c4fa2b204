/**
 * Processes of the tenant: spawned with the tenant's ids, no capability, a session and process group of their own, and
 * a raised OOM score, so that the kernel's out-of-memory killer takes them and not the runner. They inherit the
 * runner's working folder, which is the home: the runner need not be able to enter it at that moment.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { type Clock, sleep } from '../lib/clock.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';
import { withoutHidden } from './inherited-descriptors.ts';
import { takeEndedMs } from './program-usage.ts';

const oomScorePath = '/proc/self/oom_score_adj';
const tenantOomScore = '500';

/** The exit of a process, or why there was none to start. */
export interface ExitFacts {
  /** Its status, or −N after signal N; 127 = not found, 126 = not executable. */
  readonly exitCode: number;
  /** One line that says why it did not start; null when it did. */
  readonly notStarted: string | null;
  /** CPU time of it and of all that it waited for, in steps of 10 ms. */
  readonly cpuMs: number;
}

/** A program with the ids, variables and descriptors that it gets. */
export interface TenantSpawn {
  readonly argv: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
  /** The child's descriptors 0, 1, 2, … */
  readonly stdio: StdioOptions;
}

/** A started process; one that could not be started has ended already. */
export interface TenantProcess {
  readonly pid: number | null;
  /** Resolves when it has ended and was reaped, or could not be started. */
  readonly exited: Promise<ExitFacts>;
  /** Signals its whole group; says whether there was one. */
  signal(name: NodeJS.Signals): boolean;
  /** A descriptor of `stdio` that is a `pipe`, both ways. */
  duplex(descriptor: number): Duplex | null;
}

/** Starts a process. Never throws: what goes wrong is in `exited`. */
export function spawnTenant(options: TenantSpawn): TenantProcess {
  const [program = '', ...args] = options.argv;
  let child: ChildProcess;
  try {
    child = withRaisedOomScore(() =>
      spawn(program, args, {
        env: options.environ,
        uid: options.uid,
        gid: options.gid,
        stdio: withoutHidden(options.stdio),
        detached: true,
      }),
    );
  } catch (error) {
    return neverStarted(startFailure(program, error));
  }
  const exited = new Promise<ExitFacts>((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve(startFailure(program, error));
    });
    child.once('exit', (code, signal) =>
      resolve({ exitCode: exitCodeOf(code, signal), notStarted: null, cpuMs: takeEndedMs() }),
    );
  });
  return {
    pid: child.pid ?? null,
    exited,
    signal: (name) => child.pid !== undefined && signalGroup(child.pid, name),
    duplex(descriptor) {
      const stream = child.stdio[descriptor];
      return stream && 'write' in stream && 'read' in stream ? (stream as Duplex) : null;
    },
  };
}

/** A status as runs report it: −N for death by signal N. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return signal === null ? -1 : -constants.signals[signal];
}

/** The number of a signal by its name, or null. */
export function signalNumber(name: string): number | null {
  return Object.hasOwn(constants.signals, name) ? constants.signals[name as NodeJS.Signals] : null;
}

function signalGroup(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, name);
  } catch (error) {
    if (isSystemError(error, 'ESRCH')) return false;
    throw error;
  }
}

/** The child inherits the score at the instant of the fork; raising it and going back needs no capability. */
function withRaisedOomScore<T>(start: () => T): T {
  let own: string | null = null;
  try {
    own = readFileSync(oomScorePath, 'utf8').trim();
    writeFileSync(oomScorePath, tenantOomScore);
  } catch {
    // Without /proc only the order is lost in which the out-of-memory killer chooses.
  }
  try {
    return start();
  } finally {
    if (own !== null) restoreOomScore(own);
  }
}

function restoreOomScore(score: string): void {
  try {
    writeFileSync(oomScorePath, score);
  } catch {
    // The runner then is as likely a victim as its tenants.
  }
}

function startFailure(program: string, error: unknown): ExitFacts {
  switch (systemErrorCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return notStarted(127, `${program}: not found`);
    case 'EACCES':
      return notStarted(126, `${program}: permission denied`);
    case 'ENOEXEC':
      return notStarted(126, `${program}: cannot be executed on this machine`);
    case 'EAGAIN':
      return notStarted(126, `${program}: the kernel's limit of processes is reached`);
    case 'E2BIG':
      return notStarted(126, `${program}: its arguments and environment are too long`);
    default:
      return notStarted(126, `${program}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What is told of a program that could not be started: a status, and one line that says why. */
export const notStarted = (exitCode: number, why: string): ExitFacts => ({ exitCode, notStarted: why, cpuMs: 0 });

/** The process of a program that could not be started. */
export function neverStarted(facts: ExitFacts): TenantProcess {
  return {
    pid: null,
    exited: Promise.resolve(facts),
    signal: () => false,
    duplex: () => null,
  };
}

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
