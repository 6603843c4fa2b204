/**
 * A lock on a file or folder that the operating system releases when its holder ends, however that happens. Nothing has to be
 * cleaned up after a crash; the file itself stays and means nothing. It is flock(2), which Node does not offer, by the
 * program of that name: a lock belongs to the open file and not to the process that asked, so it stays with the descriptor
 * when the program has ended, until its last copy is closed.
 */
import { spawn } from 'node:child_process';
import { close, fstat, ftruncate, open, readFile, stat, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KerneletError } from './errors.ts';
import { systemErrorCode } from './system-error.ts';

const openFile = promisify(open);
const closeFile = promisify(close);
const readWhole = promisify(readFile);
const truncate = promisify(ftruncate);

/** A held lock. Disposing it releases the lock. */
export interface FileLock extends AsyncDisposable {
  readonly path: string;
}

/**
 * Takes the lock at once, or throws STATE_LOCKED with the holder's process id where it can be read. `what` is what
 * the lock guards, for the text. The file holds the process id of the last holder, for people. Whoever removes the file
 * does so while holding the lock: then nobody else can believe to hold it.
 */
export async function acquireFileLock(path: string, what: string): Promise<FileLock> {
  return await hold(path, { flags: 'a+', notedIn: path }, what, async (descriptor) => {
    await truncate(descriptor, 0);
    // For people only: a full disk is no reason to have no lock.
    await promisify(write)(descriptor, Buffer.from(`${process.pid}\n`)).catch(() => {});
  });
}

/**
 * The same for a folder. It is locked itself, whatever is removed in it; and so is its file `lock`, which says who has it,
 * and is what earlier versions lock.
 */
export async function acquireFolderLock(folder: string, what: string): Promise<FileLock> {
  const path = join(folder, 'lock');
  const own = await hold(folder, { flags: 'r', notedIn: path }, what, async () => {});
  try {
    const file = await acquireFileLock(path, what);
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        await file[Symbol.asyncDispose]();
        await own[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await own[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens and locks; `begin` is called with what is locked. `notedIn`: the file that names the holder. */
async function hold(
  path: string,
  { flags, notedIn }: { readonly flags: 'a+' | 'r'; readonly notedIn: string },
  what: string,
  begin: (descriptor: number) => Promise<void>,
): Promise<FileLock> {
  // A bare descriptor: a FileHandle that is collected as garbage would let the lock go.
  const descriptor = await openFile(path, flags, 0o600).catch((error: unknown) => {
    throw new KerneletError('STATE_UNUSABLE', `cannot open the lock ${path} (${systemErrorCode(error) ?? error})`, {
      cause: error,
      context: { path },
    });
  });
  try {
    const outcome = await flock(descriptor);
    if (outcome !== 'locked') throw await refusal(path, what, notedIn, outcome);
    if (!(await isFileAt(descriptor, path))) {
      throw new KerneletError('STATE_LOCKED', `${what} was removed by another process`, { context: { path } });
    }
    await begin(descriptor);
  } catch (error) {
    await closeFile(descriptor);
    throw error;
  }
  let held = true;
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      if (!held) return;
      held = false;
      await closeFile(descriptor);
    },
  };
}

async function refusal(
  path: string,
  what: string,
  notedIn: string,
  outcome: Exclude<FlockOutcome, 'locked'>,
): Promise<KerneletError> {
  if (outcome !== 'taken') {
    return new KerneletError('STATE_UNUSABLE', `cannot lock ${path}: ${outcome.failure}`, { context: { path } });
  }
  const text = (await readWhole(notedIn, 'utf8').catch(() => '')).slice(0, 20);
  const holder = /^\d+\n$/.test(text) ? Number(text) : null;
  const who = holder === null ? 'another process' : `the process ${holder}`;
  return new KerneletError('STATE_LOCKED', `${what} is in use by ${who} (it holds ${path})`, {
    context: { path, pid: holder },
  });
}

/** Whether an open file is the one that lies at a path now: a lock on a removed file keeps nobody out. */
export async function isFileAt(descriptor: number, path: string): Promise<boolean> {
  const own = await promisify(fstat)(descriptor);
  const there = await promisify(stat)(path).catch(() => null);
  return there !== null && there.dev === own.dev && there.ino === own.ino;
}

const program = 'flock';
/** What the program ends with when another process has the lock. */
const taken = 1;
/** Characters of the program's message that are kept. */
const maxMessage = 500;

/** Whether the lock was taken, or why it cannot be. */
export type FlockOutcome = 'locked' | 'taken' | { readonly failure: string };

/** Locks an open file exclusively, at once or not at all. */
export function flock(descriptor: number): Promise<FlockOutcome> {
  return new Promise((resolve) => {
    let message = '';
    const child = spawn(program, ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor] });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      message = (message + text).slice(0, maxMessage);
    });
    child.once('error', (error) => {
      const code = systemErrorCode(error);
      const failure = code === 'ENOENT' ? `the program ${program} of util-linux is missing` : (code ?? error.message);
      resolve({ failure });
    });
    child.once('close', (status) => {
      if (status === 0) resolve('locked');
      else if (status === taken) resolve('taken');
      else resolve({ failure: message.trim() || `${program} ended with status ${status}` });
    });
  });
}
