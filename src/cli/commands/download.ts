/** `kernelet download`: a file or folder out of a kernel. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { hasCode, KerneletError } from '../../lib/errors.ts';
import { isSystemError, systemErrorCode } from '../../lib/system-error.ts';
import type { CliCommand, CommandCall } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { noteSkipped } from '../left-out.ts';
import { UsageError } from '../option-reader.ts';
import { Progress } from '../progress.ts';
import type { Screen } from '../screen.ts';

export const download = {
  name: 'download',
  summary: 'copy a file or folder out of a kernel',
  description: `Copies REMOTE to LOCAL. A folder arrives as a folder, or as an archive when LOCAL ends with .tar. LOCAL - is standard
output. Files keep their modes, as far as the umask lets them. A download that is cut off leaves nothing behind. Links that lead out of the folder are left out.`,
  operands: ['<id>', '<remote>', '<local>'],
  options: [],
  examples: [
    { command: 'kernelet download 3f2a result.csv .', what: 'into this folder' },
    { command: 'kernelet download 3f2a result.csv - | head', what: 'to standard output' },
    { command: 'kernelet download 3f2a figures figures-today', what: 'a folder, under another name' },
    { command: 'kernelet download 3f2a figures figures.tar', what: 'a folder, as an archive' },
  ],
  async run(call) {
    const [id = '', remote = '', local = ''] = call.operands;
    return await downloadTo(call, id, remote, local);
  },
} satisfies CliCommand;

/** Copies a file or folder out of a kernel, and returns the exit status; `-` is standard output. */
export async function downloadTo(call: CommandCall, id: string, remote: string, local: string): Promise<number> {
  const { signal } = call.listen();
  await using client = await daemonClient(call);
  const { form, size, mode, content: body } = await client.files.download(id, remote, signal);
  if (local === '-') {
    for await (const chunk of body) await call.screen.io.stdout.write(chunk);
    return 0;
  }
  const place = await localPlace(call, remote, local);
  await using progress = new Progress(call.screen);
  const content = progress.watch(body, { message: `downloading ${place.name}`, size });
  if (form === 'tar' && !place.path.endsWith('.tar')) await saveFolder(content, place, remote, call.screen, signal);
  else await saveFile(content, place.existing ? join(place.path, place.name) : place.path, mode, signal);
  await call.screen.document({ path: place.existing ? join(place.path, place.name) : place.path, form });
  return 0;
}

interface LocalPlace {
  readonly path: string;
  /** Whether the path is a folder that exists: then the thing goes into it, under its own name. */
  readonly existing: boolean;
  readonly name: string;
}

async function localPlace({ host }: CommandCall, remote: string, local: string): Promise<LocalPlace> {
  const path = resolve(host.io.workingDirectory, local);
  const facts = await stat(path).catch(() => null);
  const existing = facts?.isDirectory() ?? false;
  if (!existing && local.endsWith('/')) throw new UsageError(`there is no folder ${JSON.stringify(local)}`);
  const name = posix.basename(posix.resolve('/home/work', remote));
  return { path, existing, name };
}

async function saveFile(
  content: AsyncIterable<Uint8Array>,
  path: string,
  mode: number | null,
  signal: AbortSignal,
): Promise<void> {
  // A device or a pipe is written to; a file is replaced once the new content is whole.
  const special = await stat(path).then(
    (facts) => !facts.isFile(),
    () => false,
  );
  if (special) {
    return await pipeline(content, createWriteStream(path), { signal }).catch((error) => {
      throw explained(error, path, signal);
    });
  }
  const unfinished = join(dirname(path), `.kernelet-${randomUUID()}`);
  try {
    // As far as the umask lets it: the mode is a tenant's, and nobody else is to write to what the caller has.
    const created = mode === null ? {} : { mode };
    await pipeline(content, createWriteStream(unfinished, { flags: 'wx', ...created }), { signal });
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw explained(error, path, signal);
  }
}

async function saveFolder(
  content: AsyncIterable<Uint8Array>,
  place: LocalPlace,
  remote: string,
  screen: Screen,
  signal: AbortSignal,
): Promise<void> {
  const { unpackInto } = await import('../../lib/tar.ts');
  const parent = place.existing ? place.path : dirname(place.path);
  const unfinished = await mkdtemp(join(parent, '.kernelet-')).catch((error) => {
    throw explained(error, place.path, signal);
  });
  // What is unpacked lies where it goes in the end: links in it lead where they seem to.
  const folder = join(unfinished, 'folder');
  try {
    const unpacked = await unpackInto(ReadableStream.from(content), folder, {
      signal,
      isOfOneFolder: true,
    });
    await noteSkipped(screen, unpacked);
    const target = place.existing ? join(place.path, place.name) : place.path;
    await rename(folder, target).catch((error) => {
      if (!isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw explained(error, target, signal);
      throw new KerneletError('FILE_ERROR', `${target} exists already; ${JSON.stringify(remote)} was not saved`);
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

function explained(error: unknown, path: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (hasCode(error, 'DAEMON_UNREACHABLE')) {
    return new KerneletError('DAEMON_UNREACHABLE', 'the download was cut off; nothing was saved', { cause: error });
  }
  const code = systemErrorCode(error);
  if (code === undefined || error instanceof KerneletError) return error;
  const reason = code === 'ENOENT' ? `there is no folder ${JSON.stringify(dirname(path))}` : code;
  return new KerneletError('FILE_ERROR', `cannot write ${JSON.stringify(path)}: ${reason}`, { cause: error });
}
