/**
 * What is mounted where on this machine, from `/proc/self/mountinfo`, and letting go of it: a deletion would go on in there, and
 * a folder that is moved would take it along.
 */
import { readFile, realpath } from 'node:fs/promises';
import { runProgram } from './run-program.ts';

/** A line of `/proc/self/mountinfo`, as far as it is used. */
export interface Mount {
  readonly mountPoint: string;
  /** Its type in the words of the kernel: `ext4`, `tmpfs`, `nfs4`. */
  readonly fileSystem: string;
  /** The device or remote that is mounted. */
  readonly source: string;
  /** Options of this mount: `rw`, `noexec` … */
  readonly options: ReadonlySet<string>;
  /** Options of the file system behind it. */
  readonly fileSystemOptions: ReadonlySet<string>;
}

/** Reads the text of `mountinfo` (proc(5)); lines that are not of the form are left out. */
export function parseMountTable(text: string): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const separator = fields.indexOf('-', 6);
    const [mountPoint, options] = [fields[4], fields[5]];
    const [fileSystem, source, fileSystemOptions] = fields.slice(separator + 1);
    if (separator < 0 || mountPoint === undefined || options === undefined || fileSystem === undefined) continue;
    mounts.push({
      mountPoint: unescapeOctal(mountPoint),
      fileSystem,
      source: unescapeOctal(source ?? ''),
      options: new Set(options.split(',')),
      fileSystemOptions: new Set((fileSystemOptions ?? '').split(',')),
    });
  }
  return mounts;
}

/** The mounts of this process's view of the machine. */
export async function readMountTable(): Promise<readonly Mount[]> {
  return parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** The mount that an absolute, resolved path lies on: the longest mount point above it, the latest of equals. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (!isAtOrBelow(path, mount.mountPoint)) continue;
    if (!found || mount.mountPoint.length >= found.mountPoint.length) found = mount;
  }
  return found;
}

/** The mounts at or below a path, deepest and latest first: the order to unmount them in. */
export function mountsBelow(path: string, mounts: readonly Mount[]): readonly Mount[] {
  return mounts
    .filter((mount) => isAtOrBelow(mount.mountPoint, path))
    .reverse()
    .sort((left, right) => right.mountPoint.length - left.mountPoint.length);
}

/** Whether programs can't be run from this mount. */
export function isNoexec(mount: Mount): boolean {
  return mount.options.has('noexec');
}

/** Whether nothing can be written on this mount. */
export function isReadOnly(mount: Mount): boolean {
  return mount.options.has('ro') || mount.fileSystemOptions.has('ro');
}

/** Whether `path` is `folder` or lies below it; both absolute and normalised. */
export function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** Blanks, tabs, newlines and backslashes stand in the file as `\040` and the like, bytes of UTF-8 as they are. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

const program = 'umount';
const deadlineMs = 10_000;

/** Lets every mount below a folder go as soon as nothing uses it any more. Throws when one cannot be let go. */
export async function letMountsGo(folder: string): Promise<void> {
  // As the table of mounts names it: the way there may lead over a link.
  const path = await realpath(folder).catch(() => folder);
  for (const mount of mountsBelow(path, await readMountTable())) await unmount(mount.mountPoint);
}

async function unmount(path: string): Promise<void> {
  const { exitCode, stderr } = await runProgram(program, ['--lazy', '--', path], { timeoutMs: deadlineMs });
  if (exitCode !== 0) throw new Error(`umount of ${path} ended with ${exitCode}: ${stderr}`);
}
