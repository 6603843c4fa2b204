/**
 * The agent's side of one kernel's runner. The implementation is `runner-connection.ts`; it reconnects by itself while
 * the container lives, so that a run outlives a lost connection and a restarted daemon alike.
 */
import type { Duplex } from 'node:stream';
import type { RunId } from '../lib/ids.ts';
import type { ControlMethod, RunnerRequests } from '../protocol/agent-frames.ts';
import type { FileChange, UnpackedArchive } from '../protocol/kernel-files.ts';
import type { NumberedRunEvent, RunSummary } from '../protocol/run-event.ts';
import type { RunnerStatus } from '../protocol/runner-frames.ts';

/** How to reach a runner. */
export interface RunnerAddress {
  /** Host path of the socket; may be longer than a UNIX address allows. */
  readonly socketPath: string;
  readonly secret: string;
}

/** What a client says of itself. */
export type RunnerClientEvent =
  | { readonly type: 'status'; readonly status: RunnerStatus }
  | { readonly type: 'run'; readonly summary: RunSummary }
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected' }
  /** It has not answered for a while; it may be `reachable` again. */
  | { readonly type: 'unreachable' }
  | { readonly type: 'reachable' }
  /** It has sent what nobody asked it for, which is dropped, or ends the connection when it goes on. */
  | { readonly type: 'unasked' };

/** A downloaded file or folder. */
export interface Download {
  readonly form: 'file' | 'tar';
  readonly size: number | null;
  readonly name: string;
  /** Permission bits of a file; null when they are not known, and for a folder, whose archive has them. */
  readonly mode: number | null;
  readonly content: ReadableStream<Uint8Array>;
}

/** A client of one runner. Disposing it closes the connection and leaves the runner as it is. */
export interface RunnerClient extends AsyncDisposable {
  /** Resolves when the runner is ready, with its status; rejects with RUNNER_NOT_READY when it says that it failed. */
  ready(signal: AbortSignal): Promise<RunnerStatus>;
  /**
   * One request. Rejects with the runner's code, KERNEL_DIED after `ended`, KERNEL_UNREACHABLE, or the signal's reason. The
   * time limit of a run is kept here too.
   */
  request<M extends ControlMethod>(
    method: M,
    params: RunnerRequests[M]['params'],
    options: { signal: AbortSignal; body?: Uint8Array },
  ): Promise<RunnerRequests[M]['result']>;
  /**
   * The events of a run above `after`, through reconnections, up to and with `finished`. An event counts as consumed
   * (is acknowledged) when the reader asks for the next one. One reader per run, a newer one ends the older, unless the run waits
   * for none: then there may be several, and each is told by `dropped` of what is gone. After the
   * kernel has ended the missing end is `finished` with reason `kernel-ended`. Rejects with KERNEL_UNREACHABLE when the
   * runner has been unreachable for minutes; the run goes on, and can be read again when it is back.
   */
  events(run: RunId, after: number, signal: AbortSignal): AsyncIterable<NumberedRunEvent>;
  /** Where the known runs stand. */
  runs(): readonly RunSummary[];
  status(): RunnerStatus | null;
  /** Whether it answers just now. */
  connected(): boolean;
  /** Since when it has not answered, in milliseconds since the epoch; null while it does. */
  unreachableSince(): number | null;
  /** Whether requests or files are under way. */
  busy(): boolean;
  /** Whether nothing is expected of it, since it stands still on purpose: what it owes it owes when it goes on. */
  suspend(isSuspended: boolean): void;
  upload(
    path: string,
    content: ReadableStream<Uint8Array>,
    options: { mode: number | null; signal: AbortSignal },
  ): Promise<{ bytes: number }>;
  download(path: string, signal: AbortSignal): Promise<Download>;
  /**
   * Connects to a TCP port in the kernel, also one that is not published. Rejects with PORT_CLOSED, PORT_FAILED, OVERLOADED for too
   * many at a time, and as requests do. The signal counts until it is connected; whoever has the stream destroys it.
   */
  connectPort(port: number, signal: AbortSignal): Promise<Duplex>;
  /** Unpacks a tar archive into a folder, which is made with its parents. One that is cut off leaves nothing. */
  unpack(path: string, content: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<UnpackedArchive>;
  /** What happens in a folder, from when this resolves until the folder is gone. Leaving the loop ends it. */
  watch(path: string, options: { recursive: boolean; signal: AbortSignal }): Promise<AsyncIterable<FileChange>>;
  /** Calls back on what happens until disposed. */
  subscribe(listener: (event: RunnerClientEvent) => void): Disposable;
  /** The container has ended: everything pending is settled, nothing reconnects. */
  ended(reason: { readonly exitCode: number; readonly detail: string }): void;
}

/** Makes clients; the agent gets one by injection. */
export type RunnerConnector = (address: RunnerAddress) => RunnerClient;
