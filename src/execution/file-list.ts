/** Lists a folder of a kernel: a runner's reply has a bounded number of entries, so there may be several. */
import { KerneletError } from '../lib/errors.ts';
import type { FileEntry } from '../protocol/agent-frames.ts';
import type { RunnerClient } from './runner-client.ts';

/** Replies to one listing: some hundred thousand entries. */
const maxReplies = 48;

/**
 * Every entry of the folder, by name; what changes meanwhile may be missing or there twice. Throws the runner's code, and
 * FILE_ERROR for a folder that has too many entries.
 */
export async function listFiles(
  client: Pick<RunnerClient, 'request'>,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly files: readonly FileEntry[] }> {
  const files: FileEntry[] = [];
  let from = 0;
  for (let replies = 0; replies < maxReplies; replies += 1) {
    const part = await client.request('list-files', { path, from }, { signal });
    files.push(...part.files);
    if (part.next === null || part.next <= from) return { path: part.path, files };
    from = part.next;
  }
  const text = `${JSON.stringify(path.slice(0, 200))} has more than ${files.length} entries: list it in the kernel`;
  throw new KerneletError('FILE_ERROR', text);
}
