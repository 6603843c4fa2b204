/** Fetches Debian packages and unpacks them into a folder, without installing anything. */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const commandTimeoutMs = 60_000;
/** The machine's own C library is used: another one must not be unpacked beside it. */
const never: ReadonlySet<string> = new Set(['libc6', 'libgcc-s1', 'gcc-12-base']);

/** Where programs of the volume come from: the machine, or else packages that are fetched. */
export interface ProgramSearch {
  /** Folders to look in, like the PATH variable. */
  readonly searchPath: string;
  /** An empty folder for what is downloaded. */
  readonly downloadFolder: string;
  /** Called with what takes time, in a few words. */
  readonly onProgress: (text: string) => void;
}

/**
 * Unpacks the packages and those that they need below `folder`, which is the caller's, and gives the root of what they
 * hold. Throws what `apt-get` or `dpkg-deb` say.
 */
export async function downloadPackages(names: readonly string[], folder: string): Promise<string> {
  const root = join(folder, 'package');
  await mkdir(root, { recursive: true });
  const seen = new Set(never);
  for (let wanted = [...names]; wanted.length > 0; ) {
    for (const name of wanted) seen.add(name);
    const needed = await fetchAndUnpack(wanted, root, folder);
    wanted = [...new Set(needed)].filter((name) => !seen.has(name));
  }
  return root;
}

/** Gives the names of the packages that these need. */
async function fetchAndUnpack(names: readonly string[], root: string, above: string): Promise<string[]> {
  const folder = join(above, names[0] ?? 'none');
  await mkdir(folder);
  const options = { cwd: folder, timeout: commandTimeoutMs };
  const fetching = ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=1', 'download', ...names];
  try {
    await run('apt-get', fetching, options);
  } catch (first) {
    // A fresh machine has no package lists yet; only root may fetch them.
    if (process.getuid?.() !== 0 || (first instanceof Error && 'code' in first && first.code === 'ENOENT')) throw first;
    await run('apt-get', ['update', '-q'], options);
    await run('apt-get', fetching, options);
  }
  const archives = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
  if (archives.length === 0) throw new Error('apt-get downloaded nothing');
  const needed: string[] = [];
  for (const archive of archives) {
    await run('dpkg-deb', ['-x', archive, root], options);
    const { stdout } = await run('dpkg-deb', ['-f', archive, 'Depends'], options);
    needed.push(...parseDepends(stdout));
  }
  return needed;
}

/** The names in a `Depends` field; of alternatives the first. */
export function parseDepends(field: string): readonly string[] {
  return field.split(',').flatMap((item) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(item)?.[1] ?? []);
}

/** What a failed command said last, which is its reason in one line. */
export function lastLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1) ?? '';
}
