/**
 * Where the volume's static busybox comes from: one on PATH when it is static, else Debian's `busybox-static`, unpacked
 * and not installed.
 */
import { access, constants, open, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { downloadPackages, lastLine, type ProgramSearch } from './debian-packages.ts';
import { isElf64, readElf } from './elf-file.ts';

const headBytes = 4096;

/** Path of a static busybox. Throws one sentence with what to do when there is none and none can be had. */
export async function findStaticBusybox(search: ProgramSearch): Promise<string> {
  for (const folder of search.searchPath.split(delimiter)) {
    for (const name of ['busybox', 'busybox.static']) {
      const path = join(folder, name);
      if (folder.startsWith('/') && (await isStaticProgram(path))) return realpath(path);
    }
  }
  search.onProgress('fetching the package busybox-static');
  try {
    return await downloadBusybox(search.downloadFolder);
  } catch (cause) {
    throw new Error(
      `a static busybox is needed: none is on PATH and the package busybox-static could not be fetched (${lastLine(cause)}); install a static busybox and build again`,
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

async function downloadBusybox(folder: string): Promise<string> {
  const root = await downloadPackages(['busybox-static'], folder);
  for (const path of ['bin/busybox', 'usr/bin/busybox']) {
    const found = join(root, path);
    if (await isStaticProgram(found)) return found;
  }
  throw new Error('the package holds no static busybox');
}
