/**
 * The PID file (spec config-and-ops 11.2): it names the process that takes signals, as long as that lives. Daemons of ours
 * hold a lock beside it, which a pid that another process has got meanwhile cannot pretend; of other programs its text
 * counts. The lock is a file of its own, since whoever may read a file may lock it, and keep a daemon from coming back.
 */
import { lstat, readFile, rm } from 'node:fs/promises';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { KerneletError } from '../lib/errors.ts';
import { acquireFileLock } from '../lib/file-lock.ts';
import { isSystemError, systemErrorText } from '../lib/system-error.ts';

/** A file that is older than its process by more than this, or by the clock's jumps, was another one's. */
const toleranceMs = 10_000;
/** The field of `/proc/PID/stat` that says when the process began, counted behind its name; in ticks since the boot. */
const ticksAfterName = 19;
/** For programs there are 100 a second on every Linux. */
const msPerTick = 10;

/**
 * Makes the file, or takes over one whose process is gone. Disposing removes it. Throws STATE_LOCKED when its process
 * lives, INVALID_CONFIG when it is no file, STATE_UNUSABLE when it cannot be written.
 */
export async function claimPidFile(path: string): Promise<AsyncDisposable> {
  await refuseOwner(path);
  await using claimed = new AsyncDisposableStack();
  const lock = `${path}.lock`;
  claimed.use(await acquireFileLock(lock, `the PID file ${path}`));
  // Before the lock is let go of: nobody else can have made them theirs.
  claimed.defer(() => rm(lock, { force: true }));
  await writeFileAtomic(path, `${process.pid}\n`, { mode: 0o644, durable: false });
  claimed.defer(() => rm(path, { force: true }));
  return claimed.move();
}

/** A program that is not ours doesn't hold the lock. */
async function refuseOwner(path: string): Promise<void> {
  const file = await lstat(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return null;
    throw unusable(path, error);
  });
  if (file === null) return;
  if (!file.isFile()) {
    throw new KerneletError('INVALID_CONFIG', `agent.pid-file: ${path} is not a regular file`, { context: { path } });
  }
  const text = (await readFile(path, 'utf8').catch(() => '')).trim();
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
  if (pid === null || pid === process.pid) return;
  const begun = await begunAt(pid);
  if (begun === null || begun > file.mtimeMs + toleranceMs) return;
  const problem = `the PID file ${path} is that of the process ${pid}, which lives`;
  throw new KerneletError('STATE_LOCKED', problem, { context: { path, pid } });
}

/** When a process began, in milliseconds since the epoch; null: there is none. */
async function begunAt(pid: number): Promise<number | null> {
  const [stat, uptime] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null),
    readFile('/proc/uptime', 'utf8'),
  ]);
  if (stat === null) return null;
  // Its name, in brackets, may hold anything.
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[ticksAfterName]);
  return Date.now() - Number.parseFloat(uptime) * 1000 + ticks * msPerTick;
}

function unusable(path: string, error: unknown): KerneletError {
  const reason = systemErrorText(error);
  return new KerneletError('STATE_UNUSABLE', `the PID file ${path} cannot be written (${reason})`, {
    cause: error,
    context: { path },
  });
}
