/**
 * The runner volume: one folder that runs the runner in any Linux image, GNU, musl or empty (design: agent and runner;
 * spec kernel-runner 23). It is bound read-only at `/opt/backend.ai` and holds the pinned Node with its libraries and
 * loader, a static busybox, the entry script, what drops capabilities, and the runner itself.
 *
 * Built once for each version: the folder's name is a hash of what goes into it. A build happens in a folder of its
 * own beside the result, is checked, and becomes visible by one rename, so that builders may race and may be killed.
 */

import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { syncFolder } from '../lib/atomic-file.ts';
import { KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import { containerPaths } from '../protocol/runner-config.ts';
import { readElf, relocateElf, replaceCString } from './elf-file.ts';
import { findStaticBusybox } from './runner-volume-busybox.ts';
import { entryScript } from './runner-volume-entry.ts';
import { findLibraries, listLibraries } from './runner-volume-libraries.ts';
import { checkFolder, describeFolder, manifestName } from './runner-volume-manifest.ts';
import { findSetpriv } from './runner-volume-setpriv.ts';
import { installSshTools, type SshToolsSearch, sessionScript, sshProgramNames } from './runner-volume-ssh.ts';

const run = promisify(execFile);
/** Changes when the way of building changes and the inputs don't show it. */
const recipe = 1;
const trialTimeoutMs = 20_000;
/** Builds that are older were left by a process that is gone. */
const staleBuildMs = 3_600_000;
const loaderName = 'ld.so';
/** Of a volume without an SSH server, and how long nobody tries to get one. */
const bareSuffix = '-bare';
const bareForMs = 3_600_000;

/** What a volume is made of, and where. */
export interface RunnerVolumeOptions {
  /** Folder of all volumes, below the state folder. It is made when it is missing. */
  readonly volumesFolder: string;
  /** The Node that shall run in the containers: the pinned one that runs this program. */
  readonly nodePath: string;
  readonly nodeVersion: string;
  /** The built runner: `dist/runner`, with `runner.js` in it. */
  readonly bundleFolder: string;
  /** Where a static busybox is looked for, like the PATH variable. */
  readonly searchPath: string;
  readonly signal?: AbortSignal | undefined;
  /** Told what takes time, in a few words. */
  onProgress?(text: string): void;
}

/** A volume that is ready for use. */
export interface RunnerVolume {
  /** Host path to bind at `/opt/backend.ai`. */
  readonly path: string;
  /** Whether this call built it. */
  readonly built: boolean;
}

/**
 * The volume for these inputs, built if it is not there or damaged. Throws STATE_UNUSABLE when the folder cannot be
 * used or a part cannot be had, NOT_SUPPORTED for a Node that cannot be made relocatable.
 */
export async function ensureRunnerVolume(options: RunnerVolumeOptions): Promise<RunnerVolume> {
  const name = await volumeName(options);
  const path = join(options.volumesFolder, name);
  const bare = `${path}${bareSuffix}`;
  await refuseForeign(options.volumesFolder);
  if (await isUsable(path, options)) return { path, built: false };
  const hasBare = await isUsable(bare, options);
  if (hasBare && (await isRecent(bare))) return { path: bare, built: false };
  try {
    await makeFolder(options.volumesFolder);
    await removeStaleBuilds(options.volumesFolder);
    const folder = join(options.volumesFolder, `.build-${randomBytes(6).toString('hex')}`);
    try {
      const isWhole = await buildInto(folder, options);
      if (isWhole) await publish(folder, path);
      else if (hasBare) await utimes(bare, new Date(), new Date());
      else await publish(folder, bare);
      return { path: isWhole ? path : bare, built: true };
    } finally {
      await removeBuild(folder);
    }
  } catch (error) {
    if (error instanceof KerneletError || options.signal?.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KerneletError(
      'STATE_UNUSABLE',
      `the runner volume could not be built in ${options.volumesFolder}: ${reason}`,
      {
        cause: error,
      },
    );
  }
}

/** Whether a volume is there and whole; one that is damaged is set aside, since containers may still use it. */
async function isUsable(path: string, options: RunnerVolumeOptions): Promise<boolean> {
  if (!(await refuseForeign(path))) return false;
  const { wrong } = await checkFolder(path);
  if (wrong === null) return true;
  options.onProgress?.(`the runner volume is damaged (${wrong}) and is built again`);
  await rename(path, `${path}.damaged-${randomBytes(4).toString('hex')}`);
  return false;
}

const isRecent = async (path: string): Promise<boolean> => Date.now() - (await stat(path)).mtimeMs < bareForMs;

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

/** The name of the volume for these inputs: equal for equal contents of the bundle, whenever and wherever built. */
export async function volumeName(options: RunnerVolumeOptions): Promise<string> {
  const bundle = await describeFolder(options.bundleFolder);
  if (!bundle.entries.some(({ path }) => path === 'runner.js')) {
    throw new KerneletError('STATE_UNUSABLE', `${options.bundleFolder} has no runner.js; run: npm run build`);
  }
  const inputs = {
    recipe,
    node: options.nodeVersion,
    machine: process.arch,
    entry: entryScript,
    session: sessionScript,
    drops: (await findSetpriv(options.searchPath)) !== null,
    bundle: bundle.entries.map(({ path, content }) => [path, content]),
  };
  const digest = createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
  return `runner-${digest.slice(0, 20)}`;
}

/** Answers whether everything could be had that belongs into a volume. */
async function buildInto(folder: string, options: RunnerVolumeOptions): Promise<boolean> {
  options.onProgress?.('building the runner volume');
  for (const part of ['', 'bin', 'lib', 'runner', 'python']) await mkdir(join(folder, part), { recursive: true });
  await installNode(folder, options.nodePath);
  await installSetpriv(folder, options.searchPath);
  const downloadFolder = join(folder, '.download');
  await mkdir(downloadFolder);
  const busybox = await findStaticBusybox({ ...options, downloadFolder });
  await cp(busybox, join(folder, 'bin/busybox'));
  const hasSsh = await installSshIfPossible(folder, { ...options, downloadFolder });
  await rm(downloadFolder, { recursive: true });
  await symlink('busybox', join(folder, 'bin/sh'));
  await writeFile(join(folder, 'bin/entry'), entryScript);
  await cp(options.bundleFolder, join(folder, 'runner'), { recursive: true });
  await writeFile(join(folder, 'runner/package.json'), '{"type":"module"}\n');
  options.signal?.throwIfAborted();
  await tryPrograms(folder);
  await settle(folder);
  return hasSsh;
}

/** Kernels are of use without it. */
async function installSshIfPossible(folder: string, search: SshToolsSearch): Promise<boolean> {
  try {
    await installSshTools(folder, search);
    return true;
  } catch (error) {
    search.signal?.throwIfAborted();
    const reason = error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : String(error);
    search.onProgress?.(`the runner volume is built without an SSH server: ${reason}`);
    return false;
  }
}

async function installNode(folder: string, nodePath: string): Promise<void> {
  const original = await readFile(nodePath);
  const { interpreter } = readElf(original);
  if (interpreter === null) throw new KerneletError('NOT_SUPPORTED', `${nodePath} is static; a dynamic Node is needed`);
  const libraryFolder = `${containerPaths.volume}/lib`;
  const relocated = relocateElf(original, `${libraryFolder}/${loaderName}`, libraryFolder);
  await writeFile(join(folder, 'bin/node'), relocated);
  giveBack(original);
  giveBack(relocated);
  for (const [name, path] of await findLibraries(interpreter, nodePath))
    await cp(path, join(folder, 'lib', name), { dereference: true });
  const loader = await readFile(interpreter);
  // The image's /etc/ld.so.preload names libraries of the image's C library, which may be another one; no image can
  // have a file at the other path, since it lies in this read-only volume.
  replaceCString(loader, '/etc/ld.so.preload', `${containerPaths.volume}/-`);
  await writeFile(join(folder, 'lib', loaderName), loader);
  for (const program of ['bin/node', `lib/${loaderName}`]) await chmod(join(folder, program), 0o755);
}

/** It is run by the volume's own loader, so that it needs no change. */
async function installSetpriv(folder: string, searchPath: string): Promise<void> {
  const found = await findSetpriv(searchPath);
  if (found === null) return;
  await cp(found.path, join(folder, 'bin/setpriv'), { dereference: true });
  for (const [name, path] of await findLibraries(found.loader, found.path))
    await cp(path, join(folder, 'lib', name), { dereference: true });
}

/** Frees the memory of bytes that are needed no more: an idle daemon collects no garbage, and would keep 200 MB of it. */
function giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
  buffer.transfer(0);
}

/** Runs what was built: a part that is missing shows here and not in the first container. */
async function tryPrograms(folder: string): Promise<void> {
  const loader = join(folder, 'lib', loaderName);
  const node = join(folder, 'bin/node');
  const searching = ['--inhibit-cache', '--library-path', join(folder, 'lib')];
  for (const [name, path] of await listLibraries(loader, searching, node)) {
    if (path === null || !path.startsWith(`${folder}/`)) {
      // The loader itself is found under the name that the volume gives it.
      if (path !== null && basename(path) === loaderName) continue;
      throw new KerneletError('NOT_SUPPORTED', `the runner volume lacks ${name}`);
    }
  }
  await chmod(join(folder, 'bin/busybox'), 0o755);
  await run(loader, [...searching, node, '-e', '0'], { env: {}, timeout: trialTimeoutMs });
  await run(join(folder, 'bin/busybox'), ['true'], { env: {}, timeout: trialTimeoutMs });
  const setpriv = join(folder, 'bin/setpriv');
  if (await isThere(setpriv))
    await run(loader, [...searching, setpriv, '--version'], { env: {}, timeout: trialTimeoutMs });
}

/** Makes everything readable for all and writable for none, lists it, and brings it to the disk. */
async function settle(folder: string): Promise<void> {
  const programs = new Set<string>(['node', 'busybox', 'setpriv', 'entry', loaderName, ...sshProgramNames]);
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const folders = [folder];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) folders.push(path);
    if (entry.isFile()) await chmod(path, programs.has(entry.name) ? 0o555 : 0o444);
  }
  await writeFile(join(folder, manifestName), `${JSON.stringify(await describeFolder(folder), null, 1)}\n`, {
    mode: 0o444,
  });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    await using file = await open(join(entry.parentPath, entry.name), 'r');
    await file.sync();
  }
  for (const path of folders.reverse()) {
    await syncFolder(path);
    await chmod(path, 0o555);
  }
}

/** Gives a finished build its name. Another builder may have been faster; its result is as good. */
async function publish(folder: string, path: string): Promise<void> {
  try {
    await rename(folder, path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
  await syncFolder(dirname(path));
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

async function removeBuild(folder: string): Promise<void> {
  if (!(await isThere(folder))) return;
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
  await rm(folder, { recursive: true, force: true });
}

async function removeStaleBuilds(volumesFolder: string): Promise<void> {
  for (const name of await readdir(volumesFolder)) {
    if (!name.startsWith('.build-')) continue;
    const facts = await stat(join(volumesFolder, name)).catch(() => null);
    // Another builder may be removing it too.
    if (facts && Date.now() - facts.mtimeMs > staleBuildMs)
      await removeBuild(join(volumesFolder, name)).catch(() => {});
  }
}
