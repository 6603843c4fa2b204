/**
 * Whether a program waits for its standard input, from what the system says of the calls that its threads are in
 * (`/proc/PID/task/TID/syscall`). That is for those with the program's ids alone: call it as the tenant.
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { isSystemError } from '../lib/system-error.ts';

/** How a call names the descriptors that it waits for. */
type WaitingCall = 'read' | 'poll' | 'select' | 'epoll';

/** The calls by their numbers, which each kind of processor has of its own. */
const waitingCalls: Readonly<Record<string, ReadonlyMap<number, WaitingCall>>> = {
  x64: new Map<number, WaitingCall>([
    [0, 'read'],
    [19, 'read'], // readv
    [275, 'read'], // splice
    [7, 'poll'],
    [271, 'poll'], // ppoll
    [23, 'select'],
    [270, 'select'], // pselect6
    [232, 'epoll'],
    [281, 'epoll'], // epoll_pwait
    [441, 'epoll'], // epoll_pwait2
  ]),
  arm64: new Map<number, WaitingCall>([
    [63, 'read'],
    [65, 'read'], // readv
    [76, 'read'], // splice
    [73, 'poll'], // ppoll
    [72, 'select'], // pselect6
    [22, 'epoll'], // epoll_pwait
    [441, 'epoll'], // epoll_pwait2
  ]),
};
/** The bit of POLLIN, which is also that of EPOLLIN. */
const readable = 0x1;
/** A program that waits for more descriptors than this is not looked at closely. */
const maxDescriptors = 1024;

/** A system call of a sleeping thread. */
interface SystemCall {
  readonly number: number;
  readonly args: readonly bigint[];
}

/**
 * Whether a process of the session that `leader` began waits until it can read the pipe of this number. Null where the
 * system lets nobody see that, or not for this program.
 */
export function waitsForPipe(leader: number, pipe: number): boolean | null {
  if (!isVisible(leader)) return null;
  const isPipe = (pid: number, descriptor: number): boolean =>
    look(() => readlinkSync(`/proc/${pid}/fd/${descriptor}`), '') === `pipe:[${pipe}]`;
  return processesOf(leader).some((pid) =>
    threadCalls(pid).some((call) => awaited(pid, call).some((descriptor) => isPipe(pid, descriptor))),
  );
}

/** False also where processes do not show their calls at all, as in gVisor. One that has ended hides nothing. */
function isVisible(pid: number): boolean {
  try {
    readFileSync(`/proc/${pid}/syscall`);
    return true;
  } catch (error) {
    return isSystemError(error, 'ESRCH') || !look(() => readdirSync(`/proc/${pid}`).length > 0, false);
  }
}

/** The leader, and all that belong to its session. */
function processesOf(leader: number): readonly number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => pid === leader || sessionOf(pid) === leader);
}

function sessionOf(pid: number): number {
  const stat = look(() => readFileSync(`/proc/${pid}/stat`, 'latin1'), '');
  // The name of the program, in brackets, may have anything in it: state, parent, group and session follow the last one.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
}

function threadCalls(pid: number): readonly SystemCall[] {
  const threads = look(() => readdirSync(`/proc/${pid}/task`), []);
  return threads.flatMap((thread) => {
    const text = look(() => readFileSync(`/proc/${pid}/task/${thread}/syscall`, 'latin1'), '');
    const [number = '', ...args] = text.trim().split(' ');
    // A thread that runs says so, and one that is in no call has −1 and less to tell.
    return args.length >= 6 && /^\d+$/.test(number) ? [{ number: Number(number), args: args.map(BigInt) }] : [];
  });
}

/** The descriptors that a call waits to read from. */
function awaited(pid: number, { number, args }: SystemCall): readonly number[] {
  const [first = 0n, second = 0n] = args;
  switch (waitingCalls[process.arch]?.get(number)) {
    case 'read':
      return [Number(first)];
    case 'poll':
      return pollDescriptors(memory(pid, first, 8 * Math.min(Number(second), maxDescriptors)));
    case 'select':
      return second === 0n ? [] : setDescriptors(memory(pid, second, 8 * Math.ceil(Number(first) / 64)), Number(first));
    case 'epoll':
      return epollDescriptors(look(() => readFileSync(`/proc/${pid}/fdinfo/${first}`, 'latin1'), ''));
    case undefined:
      return [];
  }
}

/** Records of 8 bytes: the descriptor, and what is waited for. */
function pollDescriptors(records: Buffer): readonly number[] {
  const found: number[] = [];
  for (let at = 0; at + 8 <= records.length; at += 8) {
    if (records.readInt16LE(at + 4) & readable) found.push(records.readInt32LE(at));
  }
  return found;
}

/** A bit for each descriptor. */
function setDescriptors(bits: Buffer, count: number): readonly number[] {
  const all = Array.from({ length: Math.min(count, maxDescriptors, bits.length * 8) }, (_, descriptor) => descriptor);
  return all.filter((descriptor) => ((bits[descriptor >> 3] ?? 0) >> (descriptor & 7)) & 1);
}

function epollDescriptors(info: string): readonly number[] {
  const watched = [...info.matchAll(/^tfd:\s*(\d+) events:\s*([0-9a-f]+)/gm)];
  return watched.filter(([, , events]) => Number.parseInt(events ?? '', 16) & readable).map(([, tfd]) => Number(tfd));
}

function memory(pid: number, address: bigint, bytes: number): Buffer {
  const buffer = Buffer.alloc(Math.min(bytes, 8 * maxDescriptors));
  return look(() => {
    const file = openSync(`/proc/${pid}/mem`, 'r');
    try {
      return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, address));
    } finally {
      closeSync(file);
    }
  }, Buffer.alloc(0));
}

/** Processes come and go while they are looked at, and some hide. */
function look<T>(from: () => T, otherwise: T): T {
  try {
    return from();
  } catch {
    return otherwise;
  }
}
