/** `kernelet upload`: files into a kernel. */
import { stat } from 'node:fs/promises';
import { basename, join, posix, resolve } from 'node:path';
import type { ApiClient } from '../api-client.ts';
import type { CliCommand, CommandCall } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { noteSkipped } from '../left-out.ts';
import { localFile } from '../local-file.ts';
import { filesBelow } from '../local-folder.ts';
import { UsageError } from '../option-reader.ts';
import { Progress } from '../progress.ts';

/** One file and where it goes; an empty folder where `remote` ends with a slash. */
interface Transfer {
  readonly local: string;
  readonly remote: string;
}

export const upload = {
  name: 'upload',
  summary: 'copy files into a kernel',
  description: `Copies files and folders into the kernel's home. REMOTE is a folder when it ends with /, exists as one, or several files
are given; folders on the way are made. Paths lead nowhere outside /home/work.`,
  operands: ['<id>', '<paths...>'],
  usage: 'ID LOCAL... REMOTE',
  options: [],
  examples: [
    { command: 'kernelet upload 3f2a data.csv .', what: 'into the home folder' },
    { command: 'kernelet upload 3f2a main.c greet.c greet.h src/', what: 'several, into a folder' },
    { command: 'kernelet upload 3f2a data.csv input/today.csv', what: 'under another name' },
    { command: 'kernelet upload 3f2a -- -odd-name .', what: 'a name that looks like an option' },
  ],
  async run(call) {
    const [id = '', ...paths] = call.operands;
    const remote = paths.pop();
    if (remote === undefined || paths.length === 0) throw new UsageError('give at least one LOCAL and a REMOTE');
    return await uploadAll(call, id, paths, remote);
  },
} satisfies CliCommand;

/** Copies files and folders into a kernel, and returns the exit status; `-` is what comes on standard input. */
export async function uploadAll(
  call: CommandCall,
  id: string,
  paths: readonly string[],
  remote: string,
): Promise<number> {
  const { signal } = call.listen();
  await using client = await daemonClient(call);
  const transfers =
    paths.length === 1 && paths[0] === standardInput
      ? [{ local: standardInput, remote }]
      : await plan(client, id, paths, remote, call, signal);
  let bytes = 0;
  await using progress = new Progress(call.screen);
  for (const [index, { local, remote: path }] of transfers.entries()) {
    if (path.endsWith('/')) {
      await client.files.makeFolder(id, path, signal);
      continue;
    }
    const file = await sourceOf(local, call, signal);
    const message = `uploading ${file.name} (${index + 1} of ${transfers.length})`;
    const open = (): AsyncIterable<Uint8Array> => progress.watch(file.open(), { message, size: file.size });
    bytes += (await client.files.upload(id, path, { ...file, open }, signal)).bytes;
  }
  await call.screen.document({ files: transfers.map((transfer) => transfer.remote), bytes });
  return 0;
}

/** Unpacks a local tar archive into a folder of a kernel, and returns the exit status. */
export async function unpackInto(call: CommandCall, id: string, archive: string, remote: string): Promise<number> {
  const { signal } = call.listen();
  await using client = await daemonClient(call);
  const { size, open } = await sourceOf(archive, call, signal);
  const message = `unpacking ${archive === standardInput ? 'standard input' : basename(archive)}`;
  await using progress = new Progress(call.screen);
  const content = (): AsyncIterable<Uint8Array> => progress.watch(open(), { message, size });
  const unpacked = await client.files.unpack(id, remote, content, signal);
  await noteSkipped(call.screen, unpacked);
  await call.screen.document(unpacked);
  return 0;
}

const standardInput = '-';

async function sourceOf(local: string, { host: { io } }: CommandCall, signal: AbortSignal) {
  if (local !== standardInput) return await localFile(local, io.workingDirectory);
  return { name: 'standard input', size: null, mode: 0o644, open: () => io.stdin.chunks(signal) };
}

async function plan(
  client: ApiClient,
  id: string,
  paths: readonly string[],
  remote: string,
  { host, screen }: CommandCall,
  signal: AbortSignal,
): Promise<readonly Transfer[]> {
  const sources = await Promise.all(paths.map((path) => classify(path, host.io.workingDirectory)));
  const several = paths.length > 1;
  const intoFolder = several || remote.endsWith('/') || (await isRemoteFolder(client, id, remote, signal));
  const transfers: Transfer[] = [];
  for (const { path, folder } of sources) {
    const target = intoFolder ? posix.join(remote, basename(resolve(host.io.workingDirectory, path))) : remote;
    if (!folder) {
      transfers.push({ local: path, remote: target });
      continue;
    }
    for (const below of await filesBelow(resolve(host.io.workingDirectory, path), screen)) {
      transfers.push({ local: join(path, below), remote: posix.join(target, below) });
    }
  }
  if (transfers.length === 0) throw new UsageError(`there is no file in ${JSON.stringify(paths[0])}`);
  return transfers;
}

async function classify(path: string, workingDirectory: string): Promise<{ path: string; folder: boolean }> {
  const facts = await stat(resolve(workingDirectory, path)).catch(() => null);
  if (facts?.isDirectory()) return { path, folder: true };
  await localFile(path, workingDirectory);
  return { path, folder: false };
}

/** A path that can't be listed is not a folder, whatever the reason: the upload itself will say what is wrong. */
async function isRemoteFolder(client: ApiClient, id: string, remote: string, signal: AbortSignal): Promise<boolean> {
  const found = await client.files.list(id, remote, { signal }).then(
    () => true,
    () => false,
  );
  signal.throwIfAborted();
  return found;
}
