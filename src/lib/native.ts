/**
 * The door to functions of the C library that Node doesn't offer. A wrong prototype crashes the process, so each
 * function has a test of its own. koffi is loaded at the first call only: it costs memory.
 */

/** What the C library says after a call that failed. */
export interface NativeFailure {
  /** The name of the errno: `EAGAIN`. */
  readonly code: string;
}

/** The functions. */
export interface Native {
  /** flock(2). Returns null on success. */
  flock(fileDescriptor: number, operation: number): NativeFailure | null;
}

/** flock(2): exclusive. */
export const LOCK_EX = 2;
/** flock(2): don't wait. */
export const LOCK_NB = 4;

let loaded: Promise<Native> | undefined;

/** Loads the functions, once. */
export function loadNative(): Promise<Native> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Native> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load('libc.so.6');
  const flock = library.func('int flock(int fd, int operation)');
  const nameOf = (errno: number): string =>
    Object.entries(koffi.os.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
  return {
    flock: (fileDescriptor, operation) => {
      const result: unknown = flock(fileDescriptor, operation);
      return result === 0 ? null : { code: nameOf(koffi.errno()) };
    },
  };
}
