/** A connection of its own for each file that goes into a kernel or out of it. */
import { Deadline } from '../lib/deadline.ts';
import { generation2 } from '../protocol/agent-frames.ts';
import { type Connection, connectWithRetry, type Welcome } from './connection.ts';
import { download, upload } from './kernel-files.ts';
import { assertSendable } from './message-guards.ts';
import type { Download, RunnerAddress, RunnerClient } from './runner-client.ts';
import { olderRunner, unreachable } from './runner-errors.ts';
import type { RunnerConnectionOptions } from './runner-options.ts';

/** How long such a connection may take to be made. */
const connectMs = 20_000;

/** What they are made with. */
export interface FileConnectionsParts
  extends Required<
    Pick<RunnerConnectionOptions, 'clock' | 'pauses' | 'greetingTimeoutMs' | 'transferTimeoutMs' | 'assertRoom'>
  > {
  readonly address: RunnerAddress;
  readonly signal: AbortSignal;
  /** Throws KERNEL_UNREACHABLE while the runner is. */
  readonly assertReachable: () => void;
}

/** Uploads and downloads of one kernel, as `RunnerClient` has them. */
export class FileConnections implements Pick<RunnerClient, 'upload' | 'download'> {
  readonly #parts: FileConnectionsParts;

  constructor(parts: FileConnectionsParts) {
    this.#parts = parts;
  }

  async upload(
    path: string,
    content: ReadableStream<Uint8Array>,
    options: { mode: number | null; signal: AbortSignal },
  ): Promise<{ bytes: number }> {
    const signal = AbortSignal.any([options.signal, this.#parts.signal]);
    assertSendable({ method: 'upload', params: { path, mode: options.mode } });
    const { connection, welcome } = await this.#open(signal);
    if (path.endsWith('/') && welcome.protocol < generation2) {
      connection[Symbol.dispose]();
      throw olderRunner('makes no folders');
    }
    const { clock, transferTimeoutMs: timeoutMs } = this.#parts;
    return await upload(connection, path, content, { ...options, signal, clock, timeoutMs });
  }

  async download(path: string, signal: AbortSignal): Promise<Download> {
    const either = AbortSignal.any([signal, this.#parts.signal]);
    assertSendable({ method: 'download', params: { path } });
    const { connection } = await this.#open(either);
    const { clock, transferTimeoutMs: timeoutMs } = this.#parts;
    return await download(connection, path, { signal: either, clock, timeoutMs });
  }

  async #open(signal: AbortSignal): Promise<{ connection: Connection; welcome: Welcome }> {
    const { address, clock, pauses, greetingTimeoutMs, assertRoom, assertReachable } = this.#parts;
    assertReachable();
    assertRoom();
    const since = clock.now();
    const what = "a connection to the kernel's runner";
    using deadline = new Deadline({ what, timeoutMs: connectMs, clock, signal });
    try {
      return await connectWithRetry({
        ...{ address, role: 'file', clock, greetingTimeoutMs, pauses },
        signal: deadline.signal,
      });
    } catch (error) {
      throw deadline.signal.aborted && !signal.aborted ? unreachable(since) : error;
    }
  }
}
