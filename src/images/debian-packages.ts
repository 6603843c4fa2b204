/**
 * Makes a Debian 12 image from packages with mmdebstrap, for machines that reach Debian's mirrors but no registry. It
 * needs root, and a Debian or Ubuntu to run on.
 */
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Engine, Progress } from '../engine/engine.ts';
import { KerneletError } from '../lib/errors.ts';
import { mountsBelow, readMountTable } from '../lib/mount-table.ts';
import { HostProcess, runOnHost } from './host-process.ts';

const release = 'bookworm';
const installTimeoutMs = 10 * 60_000;
const makeTimeoutMs = 15 * 60_000;

/** What containers don't need, left out as in Debian's own slim image: also of packages that recipes add. */
const leftOut = ['/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*', '/usr/share/doc/*'];
const kept = ['/usr/share/doc/*/copyright'];

/** The command line: the root file system as a tar archive on standard output. */
export function mmdebstrapCommand(program: string): readonly [string, ...string[]] {
  return [
    program,
    '--variant=minbase',
    // Merged /usr without the converter, which would bring all of Perl.
    '--include=usr-is-merged',
    '--format=tar',
    '--aptopt=Acquire::Retries "3"',
    ...leftOut.map((paths) => `--dpkgopt=path-exclude=${paths}`),
    ...kept.map((paths) => `--dpkgopt=path-include=${paths}`),
    release,
    '-',
  ];
}

/** Whether `/etc/os-release` is that of Debian, Ubuntu or a descendant. */
export function isDebianLike(osRelease: string): boolean {
  const ids = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)].flatMap(
    (found) => found[1]?.replaceAll(/["']/g, '').split(/\s+/) ?? [],
  );
  return ids.includes('debian') || ids.includes('ubuntu');
}

/**
 * Makes the image `reference`. Throws NOT_SUPPORTED, with what would be needed, when this machine can't, and
 * IMAGE_BUILD_FAILED with the last lines when it fails. Takes about 20 seconds and 130 MB.
 */
export async function importDebian(
  engine: Engine,
  reference: string,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const program = await findMmdebstrap(onProgress, signal);
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-base-'));
  try {
    onProgress({ message: `making ${reference} from Debian packages` });
    await using running = new HostProcess(
      {
        argv: mmdebstrapCommand(program),
        environ: { TMPDIR: folder },
        what: `making ${reference} with mmdebstrap`,
        timeoutMs: makeTimeoutMs,
        onLine: (line) => {
          if (line.startsWith('I: ')) onProgress({ message: line.slice(3) });
        },
      },
      signal,
      { readOutput: true },
    );
    await importFrom(engine, running, reference, signal);
  } finally {
    await removeUnlessMounted(folder);
  }
}

/** An import that fails because the program did fails with the program's reason. */
async function importFrom(engine: Engine, running: HostProcess, reference: string, signal: AbortSignal): Promise<void> {
  let programError: unknown;
  async function* output(): AsyncGenerator<Uint8Array> {
    try {
      yield* running.output();
    } catch (error) {
      programError = error;
      throw error;
    }
  }
  try {
    await engine.importImage(ReadableStream.from(output()), reference, signal);
  } catch (error) {
    throw programError ?? error;
  }
}

async function findMmdebstrap(onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<string> {
  const found = await which('mmdebstrap');
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) throw unable('making one from Debian packages needs root: run the command once with sudo');
  if (found !== null) return found;
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const aptGet = await which('apt-get');
  if (aptGet === null || !isDebianLike(osRelease)) {
    throw unable('making one from Debian packages needs mmdebstrap: install it');
  }
  onProgress({ message: 'installing mmdebstrap with apt-get, to make the base image' });
  const onLine = (line: string): void => onProgress({ message: line });
  const run = async (...args: string[]): Promise<void> =>
    await runOnHost(
      {
        argv: [aptGet, ...args],
        environ: { DEBIAN_FRONTEND: 'noninteractive' },
        what: 'installing mmdebstrap',
        timeoutMs: installTimeoutMs,
        onLine,
      },
      signal,
    );
  await run('update');
  await run('install', '-y', '--no-install-recommends', 'mmdebstrap', 'debian-archive-keyring');
  const installed = await which('mmdebstrap');
  if (installed === null) throw unable('apt-get installed mmdebstrap, but it is not on PATH');
  return installed;
}

function unable(message: string): KerneletError {
  return new KerneletError('NOT_SUPPORTED', message);
}

async function which(program: string): Promise<string | null> {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin'];
  for (const folder of folders.filter((name) => name.startsWith('/'))) {
    const file = path.join(folder, program);
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return file;
  }
  return null;
}

/** A killed mmdebstrap may leave a root file system; with something of the host mounted in it, it is not touched. */
async function removeUnlessMounted(folder: string): Promise<void> {
  if (mountsBelow(folder, await readMountTable()).length > 0) return;
  await rm(folder, { recursive: true, force: true });
}
