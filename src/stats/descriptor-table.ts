/**
 * The process's table of open files. When a thread opens a file for which the table has no room, the system doubles it,
 * and a process with several threads waits for that: some fifteen milliseconds each time. So it is made to grow from
 * another thread, before it must; it never shrinks again.
 */
import { close, open } from 'node:fs';
import { promisify } from 'node:util';

const openFile = promisify(open);
const closeFile = promisify(close);
/** What threads of their own do at once. */
const atOnce = 64;

/** Grows the table until so many more files fit, or as far as the process may. */
export async function growDescriptorTable(descriptors: number): Promise<void> {
  const taken: number[] = [];
  try {
    while (taken.length < descriptors) {
      const some = Array.from({ length: Math.min(atOnce, descriptors - taken.length) }, () =>
        openFile('/dev/null', 'r'),
      );
      const opened = await Promise.allSettled(some);
      taken.push(...opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
      // The process may open no more: then neither will whoever the room is for.
      if (opened.some(({ status }) => status === 'rejected')) return;
    }
  } finally {
    while (taken.length > 0) await Promise.all(taken.splice(-atOnce).map((descriptor) => closeFile(descriptor)));
  }
}
