/**
 * The runner volume beside the state: a copy of the one that the build made (`scripts/runner-volume/`), which is bound
 * read-only at `containerPaths.volume` of every kernel. The folder's name is a hash of what it holds, so that kernels of an
 * older version keep theirs. A copy is made in a folder of its own, is checked, and becomes visible by one rename, so that
 * several daemons may race and may be killed.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  constants,
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../../lib/atomic-file.ts';
import { KerneletError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/folders.ts';
import { systemErrorCode } from '../../lib/system-error.ts';
import { checkFolder, comparedBytes, isLink, type ManifestEntry, manifestName, parseManifest } from './manifest.ts';

/** Unfinished copies that are older were left by a process that is gone. */
const staleCopyMs = 3_600_000;

/** Where the build's volume is, and where it is installed. */
export interface RunnerVolumeOptions {
  /** What the build made: `dist/runner-volume`. */
  readonly source: string;
  /** Folder of all volumes, below the state folder. It is made when it is missing. */
  readonly volumesFolder: string;
  /** Called with what takes time, in a few words. */
  onProgress?(text: string): void;
}

/**
 * Host path of the volume that the build made, copied if it is not there or damaged. Throws STATE_UNUSABLE when the build
 * made none or the folder cannot be used.
 */
export async function installRunnerVolume(options: RunnerVolumeOptions): Promise<string> {
  const { source, volumesFolder } = options;
  const list = await readFile(join(source, manifestName), 'utf8').catch(() => '');
  const manifest = parseManifest(list);
  if (manifest === null)
    throw new KerneletError('STATE_UNUSABLE', `${source} holds no runner volume; run: npm run build`, {
      context: { path: source },
    });
  const digest = createHash('sha256').update(JSON.stringify(manifest.entries)).digest('hex');
  const path = join(volumesFolder, `runner-${digest.slice(0, 20)}`);
  await refuseForeign(volumesFolder);
  if (await isUsable(path, options)) return path;
  try {
    options.onProgress?.('installing the runner volume');
    await makeFolder(volumesFolder);
    await removeStaleCopies(volumesFolder);
    const folder = join(volumesFolder, `.build-${randomBytes(6).toString('hex')}`);
    try {
      await copyInto(folder, source, manifest.entries);
      await writeFile(join(folder, manifestName), list, { mode: 0o444 });
      const { wrong } = await checkFolder(folder);
      if (wrong !== null)
        throw new KerneletError('STATE_UNUSABLE', `${source} is damaged (${wrong}); run: npm run build`);
      await settle(folder);
      await publish(folder, path);
      return path;
    } finally {
      await removeCopy(folder);
    }
  } catch (error) {
    if (error instanceof KerneletError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KerneletError(
      'STATE_UNUSABLE',
      `the runner volume could not be installed in ${volumesFolder}: ${reason}`,
      { cause: error, context: { path: volumesFolder } },
    );
  }
}

/**
 * The volume for kernels that may never be made: the first call installs it, and calls meanwhile share that. One that
 * somebody has removed since is installed again. A failure is thrown to them and not kept: what was in the way may be gone
 * for the next.
 */
export function runnerVolumeOnDemand(install: () => Promise<string>): () => Promise<string> {
  let path: Promise<string> | null = null;
  const tryOnce = async (): Promise<string> => {
    try {
      return await install();
    } catch (error) {
      path = null;
      throw error;
    }
  };
  return async () => {
    const known = path;
    if (known !== null && !(await isInstalled(await known)) && path === known) path = null;
    path ??= tryOnce();
    return await path;
  };
}

const isInstalled = async (path: string): Promise<boolean> =>
  (await stat(join(path, manifestName)).catch(() => null)) !== null;

/** Whether a volume is there and whole; one that is damaged is set aside, since containers may still use it. */
async function isUsable(path: string, { onProgress }: RunnerVolumeOptions): Promise<boolean> {
  if (!(await refuseForeign(path))) return false;
  const { wrong } = await checkFolder(path);
  if (wrong === null) return true;
  onProgress?.(`the runner volume is damaged (${wrong}) and is installed again`);
  await rename(path, `${path}.damaged-${randomBytes(4).toString('hex')}`);
  return false;
}

/**
 * What lies here runs as root in every kernel: nothing that another user owns or may write is used. Answers whether the
 * folder is there. Throws STATE_UNUSABLE.
 */
async function refuseForeign(folder: string): Promise<boolean> {
  const facts = await stat(folder).catch(() => null);
  if (!facts) return false;
  const trusted = facts.uid === 0 || facts.uid === process.geteuid?.();
  if (trusted && (facts.mode & 0o002) === 0) return true;
  const why = trusted ? 'everybody may write in it' : `it belongs to another user (${facts.uid})`;
  throw new KerneletError('STATE_UNUSABLE', `the runner volume cannot be used from ${folder}: ${why}`, {
    context: { path: folder },
  });
}

async function copyInto(folder: string, source: string, entries: readonly ManifestEntry[]): Promise<void> {
  await mkdir(folder);
  for (const entry of await readdir(source, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) await mkdir(join(folder, entry.parentPath.slice(source.length), entry.name));
  }
  for (const entry of entries) {
    const to = join(folder, entry.path);
    // A package that was packed and unpacked has lost links and modes, which the list knows.
    if (isLink(entry)) await symlink(entry.content, to);
    else await placeFile(join(source, entry.path), to, entry);
  }
}

/**
 * Large files are linked where they can be: Node's 110 MB are then once on the disk and once in memory, for any number of
 * agents. Small ones are copied, so that what is done to one of them here is done to no other. A file of another user
 * is copied too: its owner could write in it.
 */
async function placeFile(from: string, to: string, { mode, size }: ManifestEntry): Promise<void> {
  const facts = await stat(from);
  const isOurs = facts.uid === process.geteuid?.() && (facts.mode & 0o7777) === mode;
  const isLinked =
    isOurs &&
    size > comparedBytes &&
    (await link(from, to).then(
      () => true,
      () => false,
    ));
  if (isLinked) return;
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  // A copy has the owner of what it is made of, where the process may give files away.
  if (!isOurs && process.geteuid && process.getegid) await chown(to, process.geteuid(), process.getegid());
  await chmod(to, mode);
}

/** Brings it to the disk, and makes its folders readable for all and writable for none. */
async function settle(folder: string): Promise<void> {
  const folders = [folder];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) folders.push(path);
    if (!entry.isFile()) continue;
    await using file = await open(path, 'r');
    await file.sync();
  }
  for (const path of folders.reverse()) {
    await syncFolder(path);
    await chmod(path, 0o555);
  }
}

/** Gives a finished copy its name. Another daemon may have been faster; its result is as good. */
async function publish(folder: string, path: string): Promise<void> {
  try {
    await rename(folder, path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
  await syncFolder(dirname(path));
}

async function removeCopy(folder: string): Promise<void> {
  if (!(await stat(folder).catch(() => null))) return;
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
  await rm(folder, { recursive: true, force: true });
}

async function removeStaleCopies(volumesFolder: string): Promise<void> {
  for (const name of await readdir(volumesFolder)) {
    if (!name.startsWith('.build-')) continue;
    const facts = await stat(join(volumesFolder, name)).catch(() => null);
    // Another daemon may be removing it too.
    if (facts && Date.now() - facts.mtimeMs > staleCopyMs) await removeCopy(join(volumesFolder, name)).catch(() => {});
  }
}
