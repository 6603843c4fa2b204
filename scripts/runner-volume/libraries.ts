/** The libraries that a program needs at run time, as its own loader finds them on this machine. */
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const listTimeoutMs = 10_000;

/** Libraries that the C library opens by name, or that add-ons need; those of them that this machine has are copied too. */
const openedByName = ['librt.so.1', 'libutil.so.1', 'libresolv.so.2', 'libnss_files.so.2', 'libnss_dns.so.2'];

/**
 * Host paths of all libraries of a dynamic program, by file name, those that it may open later included. The loader
 * is not among them. They are looked for in `folders` first. Throws when one is missing.
 */
export async function findLibraries(
  loader: string,
  program: string,
  folders: readonly string[] = [],
): Promise<ReadonlyMap<string, string>> {
  const searching = folders.length === 0 ? [] : ['--library-path', folders.join(':')];
  const listing = await listLibraries(loader, searching, program);
  const found = new Map<string, string>();
  for (const [name, path] of listing) {
    if (path === null) throw new Error(`${program} needs ${name}, which is not installed`);
    if (basename(path) !== basename(loader)) found.set(name, path);
  }
  const libc = found.get('libc.so.6');
  if (libc === undefined) throw new Error(`${program} is not a program for the GNU C library`);
  for (const name of openedByName) {
    const path = join(dirname(libc), name);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      found.set(name, path);
  }
  return found;
}

/** What a loader makes of a program: each needed library with its path, or null when it finds none. */
export async function listLibraries(
  loader: string,
  options: readonly string[],
  program: string,
): Promise<ReadonlyMap<string, string | null>> {
  const { stdout } = await run(loader, [...options, '--list', program], { env: {}, timeout: listTimeoutMs });
  return parseListing(stdout);
}

/** Reads lines like `\tlibm.so.6 => /lib/libm.so.6 (0x…)`. */
export function parseListing(listing: string): ReadonlyMap<string, string | null> {
  const found = new Map<string, string | null>();
  for (const line of listing.split('\n')) {
    const match = /^\t(\S+) => (?:not found|(\/.*) \(0x[0-9a-f]+\))$/.exec(line);
    if (match?.[1] !== undefined) found.set(match[1], match[2] ?? null);
  }
  return found;
}
