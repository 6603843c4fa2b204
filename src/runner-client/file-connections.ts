/** A connection of its own for each file or archive that goes into a kernel or out of it, and for each folder that is watched. */
import type { RunnerRequest } from '../protocol/agent-frames.ts';
import type { FileChange, UnpackedArchive } from '../protocol/kernel-files.ts';
import type { Connection } from './connection.ts';
import { watchFolder } from './folder-watch.ts';
import { needOf } from './generations.ts';
import { type DownloadOptions, download, unpack, upload } from './kernel-files.ts';
import { assertSendable } from './message-guards.ts';
import { type OwnConnectionParts, openOwnConnection } from './own-connection.ts';
import type { Download, RunnerClient } from './runner-client.ts';
import { olderRunner } from './runner-errors.ts';
import type { RunnerConnectionOptions } from './runner-options.ts';

/** What they are made with. */
export interface FileConnectionsParts
  extends OwnConnectionParts,
    Required<Pick<RunnerConnectionOptions, 'transferTimeoutMs'>> {}

/** Transfers and watches of one kernel, as `RunnerClient` has them. */
export class FileConnections implements Pick<RunnerClient, 'upload' | 'download' | 'unpack' | 'watch'> {
  readonly #parts: FileConnectionsParts;
  #underWay = 0;

  constructor(parts: FileConnectionsParts) {
    this.#parts = parts;
  }

  /** How many connections there are. */
  get underWay(): number {
    return this.#underWay;
  }

  async upload(
    path: string,
    content: ReadableStream<Uint8Array>,
    { mode, signal }: { mode: number | null; signal: AbortSignal },
  ): Promise<{ bytes: number }> {
    const { connection, options } = await this.#openFor({ method: 'upload', params: { path, mode } }, signal);
    return await upload(connection, path, content, { ...options, mode });
  }

  async download(path: string, signal: AbortSignal): Promise<Download> {
    const { connection, options } = await this.#openFor({ method: 'download', params: { path } }, signal);
    return await download(connection, path, options);
  }

  async unpack(path: string, content: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<UnpackedArchive> {
    const { connection, options } = await this.#openFor({ method: 'unpack', params: { path } }, signal);
    return await unpack(connection, path, content, options);
  }

  async watch(
    path: string,
    { recursive, signal }: { recursive: boolean; signal: AbortSignal },
  ): Promise<AsyncIterable<FileChange>> {
    const params = { path, recursive };
    const { connection, options } = await this.#openFor({ method: 'watch-folder', params }, signal);
    return await watchFolder(connection, params, options);
  }

  /** A connection to a runner that can do what is asked, which counts until it is closed, and what ends the transfer. */
  async #openFor(
    request: RunnerRequest,
    callerSignal: AbortSignal,
  ): Promise<{ readonly connection: Connection; readonly options: DownloadOptions }> {
    const { signal: over, clock, transferTimeoutMs: timeoutMs } = this.#parts;
    const signal = AbortSignal.any([callerSignal, over]);
    assertSendable(request);
    const { connection, welcome } = await openOwnConnection(this.#parts, 'file', signal);
    const need = needOf(request);
    if (need && welcome.protocol < need.generation) {
      connection[Symbol.dispose]();
      throw olderRunner(need.lack);
    }
    this.#underWay += 1;
    void connection.closed.then(() => {
      this.#underWay -= 1;
    });
    return { connection, options: { signal, clock, timeoutMs } };
  }
}
