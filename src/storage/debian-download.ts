/** Fetches Debian packages and unpacks them into a folder, without installing anything. */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const downloadTimeoutMs = 60_000;
/** Of the machine's own C library is all that is unpacked here. */
const never: ReadonlySet<string> = new Set(['libc6', 'libgcc-s1', 'gcc-12-base']);

/** Where to, and until when. */
export interface DebianDownload {
  /** A folder of the caller's, for the packages and what is in them. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
}

/** The folder with the contents of the packages and of those that they need. Throws what `apt-get` or `dpkg-deb` say. */
export async function downloadPackages(names: readonly string[], download: DebianDownload): Promise<string> {
  const root = join(download.folder, 'package');
  await mkdir(root, { recursive: true });
  const seen = new Set(never);
  for (let wanted = [...names]; wanted.length > 0; ) {
    for (const name of wanted) seen.add(name);
    const needed = await fetchAndUnpack(wanted, root, download);
    wanted = [...new Set(needed)].filter((name) => !seen.has(name));
  }
  return root;
}

/** Says what the packages need. */
async function fetchAndUnpack(names: readonly string[], root: string, download: DebianDownload): Promise<string[]> {
  const folder = join(download.folder, names[0] ?? 'none');
  await mkdir(folder);
  const options = { cwd: folder, timeout: downloadTimeoutMs, signal: download.signal };
  const fetching = ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=1', 'download', ...names];
  try {
    await run('apt-get', fetching, options);
  } catch (first) {
    download.signal?.throwIfAborted();
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
