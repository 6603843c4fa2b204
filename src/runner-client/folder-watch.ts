/** What happens in a folder that a runner watches, as the agent reads it: from a process of the tenant's, so nothing is believed. */
import { FrameError } from '../protocol/frame.ts';
import { type FileChange, fileChange } from '../protocol/kernel-files.ts';
import type { Connection } from './connection.ts';
import { type DownloadOptions, receive } from './kernel-files.ts';
import { protocolError } from './runner-errors.ts';

/** Bytes of a change; one has two paths at most. */
const maxLineBytes = 64 * 1024;
/** Empty lines that come at once: far more than a reader who was away for hours finds. */
const maxBeats = 4096;

/** Watches a folder over a connection of its own, which ends with the loop over the changes. Rejects as `download` does. */
export async function watchFolder(
  connection: Connection,
  params: { readonly path: string; readonly recursive: boolean },
  options: DownloadOptions,
): Promise<AsyncIterable<FileChange>> {
  const { content } = await receive(connection, { method: 'watch-folder', params }, options);
  return changesIn(content);
}

/** Changes, of which each is a line of JSON; an empty line says that there are none. Throws PROTOCOL_ERROR. */
async function* changesIn(content: ReadableStream<Uint8Array>): AsyncGenerator<FileChange> {
  let rest = Buffer.alloc(0);
  for await (const chunk of content) {
    rest = Buffer.concat([rest, chunk]);
    let [start, beats] = [0, 0];
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      if (end > start) yield parsed(rest.subarray(start, end));
      else beats += 1;
      if (beats > maxBeats) throw protocolError(new FrameError('a watch of a folder sends nothing but empty lines'));
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.length > maxLineBytes) throw protocolError(new FrameError('a change of a folder is too long'));
  }
}

function parsed(line: Buffer): FileChange {
  try {
    return fileChange(JSON.parse(line.toString()));
  } catch (cause) {
    throw protocolError(cause instanceof FrameError ? cause : new FrameError('a change of a folder is not JSON'));
  }
}
