/**
 * All of a runner volume but the runner itself: the pinned Node with its libraries and loader, a static busybox, the
 * entry script, what drops capabilities, and an SSH server (spec kernel-runner 23). It seldom changes and takes seconds
 * and downloads to make, so a finished one is kept, under a name that is a hash of what it is made of.
 */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { containerPaths } from '../../src/protocol/image-contract.ts';
import { checkFolder, describeFolder, manifestName } from '../../src/storage/runner-volume/manifest.ts';
import { findStaticBusybox } from './busybox.ts';
import { lastLine, type ProgramSearch } from './debian-packages.ts';
import { readElf, relocateElf, replaceCString } from './elf-file.ts';
import { entryScript } from './entry-script.ts';
import { findLibraries, listLibraries } from './libraries.ts';
import { findSetpriv } from './setpriv.ts';
import { installSshServer, sshProgramNames } from './ssh-server.ts';
import { suExecScript } from './su-exec-script.ts';

const run = promisify(execFile);
const trialTimeoutMs = 20_000;
const loaderName = 'ld.so';
/** How long nobody tries again to get an SSH server that could not be had. */
const retrySshMs = 3_600_000;
/** What was made for other versions is kept so long, for whoever changes between them. */
const keepOthersMs = 7 * 24 * 3_600_000;

/** What it is made of, and where. */
export interface BaseOptions {
  /** A folder of its own, for those that are finished. It is made when it is missing. */
  readonly cacheFolder: string;
  /** The Node that shall run in the containers: the pinned one. */
  readonly nodePath: string;
  readonly nodeVersion: string;
  /** Where programs are looked for, like the PATH variable. */
  readonly searchPath: string;
  /** Called with what takes time, and in one sentence with what the volume lacks. */
  readonly onProgress: (text: string) => void;
}

/** Path of a finished base, made when there is none. Throws one sentence when a part cannot be had. */
export async function ensureBase(options: BaseOptions): Promise<string> {
  await mkdir(options.cacheFolder, { recursive: true });
  const hasSetpriv = (await findSetpriv(options.searchPath)) !== null;
  if (!hasSetpriv)
    options.onProgress(
      'the runner volume has no setpriv, so kernels of a cluster will not start: install util-linux and build again',
    );
  const path = join(options.cacheFolder, `base-${await inputsDigest(options.nodeVersion, hasSetpriv)}`);
  const isThere = (await stat(path).catch(() => null)) !== null && (await checkFolder(path)).wrong === null;
  if (isThere && ((await hasSshServer(path)) || (await ageOf(path)) < retrySshMs)) return path;
  const folder = join(options.cacheFolder, `.build-${randomBytes(6).toString('hex')}`);
  try {
    options.onProgress('making the base of the runner volume');
    await makeBase(folder, options);
    if (isThere && !(await hasSshServer(folder))) {
      await utimes(path, new Date(), new Date());
    } else {
      await rm(path, { recursive: true, force: true });
      await rename(folder, path);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await removeOthers(options.cacheFolder, path);
  return path;
}

/** Equal for equal inputs and an equal way of making it, which is the text of these modules. */
async function inputsDigest(nodeVersion: string, hasSetpriv: boolean): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([nodeVersion, process.arch, hasSetpriv, entryScript]));
  const modules = (await readdir(import.meta.dirname)).filter((name) => /^[a-z-]+\.ts$/.test(name)).sort();
  for (const name of modules) hash.update(await readFile(join(import.meta.dirname, name)));
  return hash.digest('hex').slice(0, 20);
}

async function makeBase(folder: string, options: BaseOptions): Promise<void> {
  for (const part of ['', 'bin', 'lib', 'python']) await mkdir(join(folder, part), { recursive: true });
  await installNode(folder, options.nodePath);
  await installSetpriv(folder, options.searchPath);
  const search: ProgramSearch = { ...options, downloadFolder: join(folder, '.download') };
  await mkdir(search.downloadFolder);
  await cp(await findStaticBusybox(search), join(folder, 'bin/busybox'));
  await installSshServer(folder, search).catch((error: unknown) => {
    // Kernels are of use without it.
    options.onProgress(`the runner volume has no SSH server: ${lastLine(error)}; build again where it can be fetched`);
  });
  await rm(search.downloadFolder, { recursive: true });
  await symlink('busybox', join(folder, 'bin/sh'));
  await writeFile(join(folder, 'bin/entry'), entryScript);
  await writeFile(join(folder, 'bin/su-exec'), suExecScript);
  await tryPrograms(folder);
  const programs = new Set<string>(['node', 'busybox', 'setpriv', 'entry', 'su-exec', loaderName, ...sshProgramNames]);
  await setModes(folder, (name) => (programs.has(name) ? 0o555 : 0o444));
  await writeFile(join(folder, manifestName), `${JSON.stringify(await describeFolder(folder))}\n`);
}

/** Makes every file below a folder readable for all and writable for none. */
export async function setModes(folder: string, modeOf: (name: string) => number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) await chmod(join(entry.parentPath, entry.name), modeOf(entry.name));
}

async function installNode(folder: string, nodePath: string): Promise<void> {
  const original = await readFile(nodePath);
  const { interpreter } = readElf(original);
  if (interpreter === null) throw new Error(`${nodePath} is static; a dynamic Node is needed`);
  const libraryFolder = `${containerPaths.volume}/lib`;
  await writeFile(join(folder, 'bin/node'), relocateElf(original, `${libraryFolder}/${loaderName}`, libraryFolder));
  await copyLibraries(folder, interpreter, nodePath);
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
  await copyLibraries(folder, found.loader, found.path);
}

async function copyLibraries(folder: string, loader: string, program: string): Promise<void> {
  for (const [name, path] of await findLibraries(loader, program))
    await cp(path, join(folder, 'lib', name), { dereference: true });
}

/** Runs what was made: a part that is missing shows here and not in the first container. */
async function tryPrograms(folder: string): Promise<void> {
  const loader = join(folder, 'lib', loaderName);
  const node = join(folder, 'bin/node');
  const searching = ['--inhibit-cache', '--library-path', join(folder, 'lib')];
  for (const [name, path] of await listLibraries(loader, searching, node)) {
    if (path?.startsWith(`${folder}/`)) continue;
    // The loader itself is found under the name that the volume gives it.
    if (path === null || basename(path) !== loaderName) throw new Error(`the runner volume lacks ${name}`);
  }
  const options = { env: {}, timeout: trialTimeoutMs };
  await chmod(join(folder, 'bin/busybox'), 0o755);
  await run(loader, [...searching, node, '-e', '0'], options);
  await run(join(folder, 'bin/busybox'), ['true'], options);
  const setpriv = join(folder, 'bin/setpriv');
  if (await stat(setpriv).catch(() => null)) await run(loader, [...searching, setpriv, '--version'], options);
}

const hasSshServer = async (base: string): Promise<boolean> =>
  (await stat(join(base, 'bin', sshProgramNames[0])).catch(() => null)) !== null;

const ageOf = async (path: string): Promise<number> => Date.now() - (await stat(path)).mtimeMs;

async function removeOthers(cacheFolder: string, kept: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    const path = join(cacheFolder, name);
    if (path !== kept && (await ageOf(path)) > keepOthersMs) await rm(path, { recursive: true, force: true });
  }
}
