/** The process of an agent that somebody else may have started: known by its id and the time of its start, and ended by signals. */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../../lib/clock.ts';
import { flock } from '../../lib/file-lock.ts';

/** An exit status, or the name of a signal; null: nobody knows. */
export type ProcessEnd = number | string | null;

export interface AgentProcess {
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<ProcessEnd>;
  /** Throws nothing where the process has ended. */
  signal(name: 'SIGTERM' | 'SIGHUP' | 'SIGKILL'): void;
}

/** Starts a program in a group of its own, so that a Ctrl-C here is not one there. Throws the system's error. */
export async function startProcess([program, ...args]: readonly [string, ...string[]]): Promise<AgentProcess> {
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = endOf(child);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', reject);
  });
  return { pid: child.pid ?? 0, ended, signal: (name) => void child.kill(name) };
}

const endOf = (child: ChildProcess): Promise<ProcessEnd> =>
  new Promise((resolve) => {
    child.once('exit', (status, signal) => resolve(status ?? signal));
  });

const pollMs = 500;

/** The process that has locked a state folder, if there is one. */
export async function lockHolder(stateDir: string, clock: Clock): Promise<AgentProcess | null> {
  const path = join(stateDir, 'lock');
  // Once it is open the lock tells, and not what is written in a file that a killed process has left.
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return null;
  await using _closed = file;
  if ((await flock(file.fd)) !== 'taken') return null;
  const pid = Number((await file.readFile('utf8')).trim());
  const start = await startTime(pid);
  if (!Number.isSafeInteger(pid) || pid <= 0 || start === null) return null;
  const wait = async (): Promise<null> => {
    while ((await startTime(pid)) === start) await sleep(clock, pollMs);
    return null;
  };
  const ended = wait();
  return {
    pid,
    ended,
    signal: (name) => {
      try {
        process.kill(pid, name);
      } catch {
        // It has ended.
      }
    },
  };
}

/** The field of `/proc/PID/stat` that says when a process began, behind its name, which may hold anything. */
const startField = 19;

/** When a process began, as Linux counts; null: there is none, or one that has ended and nobody has asked how. */
async function startTime(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' || fields[0] === 'Z' ? null : (fields[startField] ?? null);
}
