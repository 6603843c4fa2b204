/**
 * The program that takes capabilities away for good before the runner starts: util-linux's `setpriv`, from this
 * machine. Only kernels of a cluster need it, so that a machine without it can still work alone.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { isElf64, readElf } from './elf-file.ts';

const run = promisify(execFile);
const helpTimeoutMs = 10_000;
/** Where it is on machines whose PATH is short. */
const usualFolders = ['/usr/bin', '/bin'];

/** A program with its loader. */
export interface DynamicProgram {
  readonly path: string;
  readonly loader: string;
}

/** The program, or null when this machine has none that can do it. Others of its name (busybox's) cannot. */
export async function findSetpriv(searchPath: string): Promise<DynamicProgram | null> {
  const folders = [...searchPath.split(delimiter).filter((folder) => folder.startsWith('/')), ...usualFolders];
  for (const folder of new Set(folders)) {
    const path = join(folder, 'setpriv');
    const bytes = await readFile(path).catch(() => null);
    if (bytes === null || !isElf64(bytes)) continue;
    const { interpreter } = readElf(bytes);
    if (interpreter === null) continue;
    const help = await run(path, ['--help'], { env: {}, timeout: helpTimeoutMs }).catch(() => null);
    if (help?.stdout.includes('--bounding-set')) return { path, loader: interpreter };
  }
  return null;
}
