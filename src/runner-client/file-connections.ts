/** A connection of its own for each file that goes into a kernel or out of it. */
import { generation2, type RunnerRequest } from '../protocol/agent-frames.ts';
import type { FileChange, UnpackedArchive } from '../protocol/kernel-files.ts';
import type { Connection } from './connection.ts';
import { watchFolder } from './folder-watch.ts';
import { needOf } from './generations.ts';
import { download, unpack, upload } from './kernel-files.ts';
import { assertSendable } from './message-guards.ts';
import { type OwnConnectionParts, openOwnConnection } from './own-connection.ts';
import type { Download, RunnerClient } from './runner-client.ts';
import { olderRunner } from './runner-errors.ts';
import type { RunnerConnectionOptions } from './runner-options.ts';

/** What they are made with. */
export interface FileConnectionsParts
  extends OwnConnectionParts,
    Required<Pick<RunnerConnectionOptions, 'transferTimeoutMs'>> {}

/** Uploads and downloads of one kernel, as `RunnerClient` has them. */
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

  #count({ closed }: { readonly closed: Promise<unknown> }): void {
    this.#underWay += 1;
    void closed.then(() => {
      this.#underWay -= 1;
    });
  }

  async upload(
    path: string,
    content: ReadableStream<Uint8Array>,
    options: { mode: number | null; signal: AbortSignal },
  ): Promise<{ bytes: number }> {
    const signal = AbortSignal.any([options.signal, this.#parts.signal]);
    assertSendable({ method: 'upload', params: { path, mode: options.mode } });
    const { connection, welcome } = await openOwnConnection(this.#parts, 'file', signal);
    if (path.endsWith('/') && welcome.protocol < generation2) {
      connection[Symbol.dispose]();
      throw olderRunner('makes no folders');
    }
    const { clock, transferTimeoutMs: timeoutMs } = this.#parts;
    this.#count(connection);
    return await upload(connection, path, content, { ...options, signal, clock, timeoutMs });
  }

  async download(path: string, signal: AbortSignal): Promise<Download> {
    const either = AbortSignal.any([signal, this.#parts.signal]);
    assertSendable({ method: 'download', params: { path } });
    const { connection } = await openOwnConnection(this.#parts, 'file', either);
    const { clock, transferTimeoutMs: timeoutMs } = this.#parts;
    this.#count(connection);
    return await download(connection, path, { signal: either, clock, timeoutMs });
  }

  async unpack(path: string, content: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<UnpackedArchive> {
    const either = AbortSignal.any([signal, this.#parts.signal]);
    const connection = await this.#openFor({ method: 'unpack', params: { path } }, either);
    const { clock, transferTimeoutMs: timeoutMs } = this.#parts;
    return await unpack(connection, path, content, { signal: either, clock, timeoutMs });
  }

  async watch(
    path: string,
    { recursive, signal }: { recursive: boolean; signal: AbortSignal },
  ): Promise<AsyncIterable<FileChange>> {
    const either = AbortSignal.any([signal, this.#parts.signal]);
    const params = { path, recursive };
    const connection = await this.#openFor({ method: 'watch-folder', params }, either);
    const { clock, transferTimeoutMs: timeoutMs } = this.#parts;
    return await watchFolder(connection, params, { signal: either, clock, timeoutMs });
  }

  /** A connection to a runner that can do what is asked; it counts until it is closed. */
  async #openFor(request: RunnerRequest, signal: AbortSignal): Promise<Connection> {
    assertSendable(request);
    const { connection, welcome } = await openOwnConnection(this.#parts, 'file', signal);
    const need = needOf(request);
    if (need && welcome.protocol < need.generation) {
      connection[Symbol.dispose]();
      throw olderRunner(need.lack);
    }
    this.#count(connection);
    return connection;
  }
}
