/**
 * A connection for one file transfer (spec kernel-runner 20): one request, then the content, either way. What happens in a folder
 * that is watched comes as the content of a download that has no end.
 */
import { once } from 'node:events';
import type { Clock, Timer } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { AgentFrameHeader, RunnerRequests } from '../../protocol/agent-frames.ts';
import { maxBodyBytes } from '../../protocol/frame.ts';
import { toRunnerError } from '../control-connection.ts';
import type { FrameSocket } from '../frame-socket.ts';
import type { Tenant } from '../tenant.ts';
import { commitLine, type FileWorker, startFileWorker } from './worker-process.ts';

/** From the last byte of an upload to the worker's word that the file is in its place. */
const commitTimeoutMs = 60_000;
/** The same of an archive, of which each file is put in its place. */
const mergeTimeoutMs = 15 * 60_000;

/** Folders that are watched at once; each costs a process in the kernel. */
const maxWatches = 4;
let watches = 0;

type Request = Extract<AgentFrameHeader, { t: 'request' }>;

/** Serves one transfer, and closes. */
export class FileConnection {
  readonly #socket: FrameSocket;
  readonly #tenant: Tenant;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  #worker: FileWorker | null = null;
  #commitTimer: Timer | null = null;
  #uploading = false;
  #commitTimeoutMs = commitTimeoutMs;
  #started = false;

  constructor(socket: FrameSocket, tenant: Tenant, clock: Clock) {
    this.#socket = socket;
    this.#tenant = tenant;
    this.#clock = clock;
    socket.onFrame((header, body) => this.#receive(header, body));
    socket.onClose(() => {
      this.#closed.abort();
      // Without its commit an upload removes what it wrote; a download that nobody reads ends by force.
      if (this.#uploading) this.#worker?.channel?.destroy();
      if (this.#uploading) this.#worker?.input?.destroy();
      else this.#worker?.[Symbol.dispose]();
    });
  }

  #receive(header: AgentFrameHeader, body: Uint8Array): void {
    if (header.t === 'request' && !this.#started) {
      this.#started = true;
      void this.#begin(header);
    } else if (header.t === 'data' && this.#uploading) this.#feed(body);
    else if (header.t === 'end' && this.#uploading) this.#commit();
    else this.#socket.close(`unexpected frame: ${header.t}`);
  }

  async #begin(request: Request): Promise<void> {
    const { id } = request;
    try {
      const { home } = this.#tenant;
      if (request.method === 'upload') {
        const { path, mode } = request.params;
        await this.#upload(id, ['upload', home, path, mode === null ? '' : String(mode)]);
      } else if (request.method === 'unpack') {
        this.#commitTimeoutMs = mergeTimeoutMs;
        await this.#upload(id, ['unpack', home, request.params.path]);
      } else if (request.method === 'download') {
        await this.#download(id, ['download', home, request.params.path]);
      } else if (request.method === 'watch-folder') await this.#watch(id, request.params);
      else this.#socket.close(`${request.method} is not a transfer of files`);
    } catch (error) {
      this.#socket.send({ t: 'reply', id, ok: false, error: toRunnerError(error) });
    }
    this.#socket.end();
  }

  async #upload(id: number, args: readonly string[]): Promise<void> {
    this.#uploading = true;
    // Once it has reported it has nothing left to do, and would wait for this side to hang up.
    using worker = startFileWorker(this.#tenant, this.#clock, args);
    this.#worker = worker;
    worker.input?.on('drain', () => this.#socket.resume());
    try {
      const result = await worker.report(Number.POSITIVE_INFINITY);
      this.#socket.send({ t: 'reply', id, ok: true, result });
    } finally {
      this.#commitTimer?.[Symbol.dispose]();
      // What still comes is discarded, so that the peer gets to read the reply.
      this.#worker = null;
      this.#socket.resume();
    }
  }

  #feed(body: Uint8Array): void {
    if (this.#worker?.input?.writable && !this.#worker.input.write(body)) this.#socket.pause();
  }

  #commit(): void {
    const worker = this.#worker;
    if (!worker) return;
    worker.channel?.write(commitLine);
    worker.input?.end();
    this.#commitTimer = this.#clock.after(this.#commitTimeoutMs, () => worker[Symbol.dispose]());
  }

  async #watch(id: number, { path, recursive }: RunnerRequests['watch-folder']['params']): Promise<void> {
    if (watches >= maxWatches) {
      throw new KerneletError('OVERLOADED', `${maxWatches} folders of the kernel are watched already`);
    }
    watches += 1;
    try {
      await this.#download(id, ['watch', this.#tenant.home, path, recursive ? 'recursive' : '']);
    } finally {
      watches -= 1;
    }
  }

  async #download(id: number, args: readonly string[]): Promise<void> {
    const [, , path = ''] = args;
    const worker = startFileWorker(this.#tenant, this.#clock, args);
    this.#worker = worker;
    worker.input?.end();
    using _worker = worker;
    const result = await worker.report();
    this.#socket.send({ t: 'reply', id, ok: true, result });
    for await (const piece of worker.output ?? []) {
      const bytes: Buffer = piece;
      for (let at = 0; at < bytes.length; at += maxBodyBytes) {
        this.#socket.send({ t: 'data' }, bytes.subarray(at, at + maxBodyBytes));
      }
      if (this.#socket.busy) await this.#drained();
      if (this.#closed.signal.aborted) return;
    }
    const { exitCode } = await worker.exited;
    if (exitCode !== 0) throw new KerneletError('FILE_ERROR', `${shown(path)} could not be read to its end`);
    this.#socket.send({ t: 'end' });
  }

  async #drained(): Promise<void> {
    const drained = new EventTarget();
    this.#socket.onDrain(() => drained.dispatchEvent(new Event('drain')));
    await once(drained, 'drain', { signal: this.#closed.signal }).catch(() => {});
  }
}

const shown = (path: string): string => JSON.stringify(path.slice(0, 200));
