/** Figures of single processes, from `/proc` (spec resources-and-stats 13.4). One that has ended is left out. */

import { isSystemError } from '../lib/system-error.ts';
import { keyedNumber, toNumber, UnexpectedText, whole } from './file-text.ts';
import type { KeptFiles } from './kept-files.ts';
import type { ProcessSample } from './measure.ts';

/** The kernel counts CPU time of processes in hundredths of a second, and memory in pages. */
const tickMicroseconds = 10_000;
const pageBytes = 4096;

/** Reads a process; null when it has ended. Throws UnexpectedText. */
export function readProcess(files: KeptFiles, pid: number, processRoot = '/proc'): ProcessSample | null {
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
