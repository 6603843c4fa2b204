/** Work on the files of one kernel: the requests of its runner, made as often as one needs. */
import { type Clock, sleep } from '../lib/clock.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { FileChange, FileEntry, UnpackedArchive } from '../protocol/kernel-files.ts';
import type { RunnerClient } from './runner-client.ts';

/** Requests to one removal, each of seconds. */
const maxRemovals = 60;
/** After a request that the runner has no room for. */
const overloadedPauseMs = 1000;

/** What is done with files beside transfers. Rejects with the runner's code, or NOT_SUPPORTED when it is too old. */
export class FileWork {
  readonly #client: Pick<RunnerClient, 'request' | 'unpack' | 'watch'>;
  readonly #clock: Clock;

  constructor(client: Pick<RunnerClient, 'request' | 'unpack' | 'watch'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** What is at a path, and its absolute form; with `follow` behind the links there. */
  async stat(path: string, follow: boolean, signal: AbortSignal): Promise<{ path: string; file: FileEntry }> {
    return await this.#client.request('stat-file', { path, follow }, { signal });
  }

  /** Makes a folder with its parents; says whether it was missing. */
  async makeFolder(path: string, signal: AbortSignal): Promise<{ created: boolean }> {
    return await this.#client.request('make-folder', { path }, { signal });
  }

  /** Moves or renames. FILE_EXISTS where something is in the way. */
  async move(from: string, to: string, replace: boolean, signal: AbortSignal): Promise<void> {
    await this.#client.request('move-file', { from, to, replace }, { signal });
  }

  /** Removes a file, or with `recursive` a folder; says how many files and folders that were. */
  async remove(path: string, recursive: boolean, signal: AbortSignal): Promise<{ removed: number }> {
    let removed = 0;
    for (let requests = 1; requests <= maxRemovals; requests += 1) {
      try {
        const part = await this.#client.request('remove-file', { path, recursive }, { signal });
        removed += part.removed;
        if (part.complete) return { removed };
      } catch (error) {
        if (requests === 1) throw error;
        // Somebody else has removed the rest.
        if (hasCode(error, 'FILE_NOT_FOUND')) return { removed };
        // What has begun goes on when others have their turn.
        if (requests === maxRemovals || !hasCode(error, 'OVERLOADED')) throw error;
        await sleep(this.#clock, overloadedPauseMs, signal);
      }
    }
    const text = `${JSON.stringify(path.slice(0, 200))} is too large, or grows meanwhile: ${removed} files are gone, not all`;
    throw new KerneletError('FILE_ERROR', text, { context: { removed } });
  }

  /** Unpacks a tar archive into a folder. */
  unpack(path: string, content: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<UnpackedArchive> {
    return this.#client.unpack(path, content, signal);
  }

  /** Changes in a folder, from when this resolves. */
  watch(path: string, options: { recursive: boolean; signal: AbortSignal }): Promise<AsyncIterable<FileChange>> {
    return this.#client.watch(path, options);
  }
}
