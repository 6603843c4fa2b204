/**
 * Where the volume's static busybox comes from: one on PATH when it is static, else Debian's `busybox-static`, unpacked
 * into a temporary folder and not installed.
 */
import { access, constants, open, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { downloadPackages } from './debian-download.ts';
import { isElf64, readElf } from './elf-file.ts';

const headBytes = 4096;

/** How to look for it. */
export interface BusyboxSearch {
  /** Folders to look in, like the PATH variable. */
  readonly searchPath: string;
  /** An empty folder for what is downloaded. */
  readonly downloadFolder: string;
  readonly signal?: AbortSignal | undefined;
  onProgress?(text: string): void;
}

/** Path of a static busybox. Throws STATE_UNUSABLE with what to do when there is none and none can be had. */
export async function findStaticBusybox(search: BusyboxSearch): Promise<string> {
  for (const folder of search.searchPath.split(delimiter)) {
    for (const name of ['busybox', 'busybox.static']) {
      const path = join(folder, name);
      if (folder.startsWith('/') && (await isStaticProgram(path))) return realpath(path);
    }
  }
  search.onProgress?.('fetching the package busybox-static');
  try {
    return await downloadBusybox(search);
  } catch (cause) {
    search.signal?.throwIfAborted();
    const reason = cause instanceof Error ? (cause.message.trim().split('\n').at(-1) ?? '') : String(cause);
    throw new KerneletError(
      'STATE_UNUSABLE',
      `the runner volume needs a static busybox: none is on PATH and the package busybox-static could not be fetched (${reason}); install a static busybox and start again`,
      { cause },
    );
  }
}

/** Whether a file is a program for this kind of machine that needs no loader. */
async function isStaticProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    return isElf64(head) && readElf(head).interpreter === null;
  } catch {
    return false;
  }
}

async function downloadBusybox({ downloadFolder: folder, signal }: BusyboxSearch): Promise<string> {
  const root = await downloadPackages(['busybox-static'], { folder, signal });
  for (const path of ['bin/busybox', 'usr/bin/busybox']) {
    const found = join(root, path);
    if (await isStaticProgram(found)) return found;
  }
  throw new Error('the package holds no static busybox');
}
