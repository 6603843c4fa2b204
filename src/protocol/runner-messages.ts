/**
 * The heads of the frames between agent and runner. The agent connects to `/opt/kernel/run/runner.sock`; the first
 * frame of each connection is `hello`, answered by `welcome` or `refused`. One `control` connection at a time: a newer
 * one takes over. Each file transfer has a `file` connection of its own.
 *
 * Flow control: events of a run are sent only while the agent is attached to it, and a run's program is blocked once
 * `unacknowledged` bytes reach the bound of the runner's replay buffer. Nothing is dropped.
 */
import type { KernelId, RunId } from '../lib/ids.ts';
import type { ExecuteRequest } from './execute-request.ts';
import type { ModelHealth } from './kernel-models.ts';
import type { ServiceApp, ServiceOptions, ServiceOutcome } from './kernel-services.ts';
import type { RunEvent, RunSummary } from './run-event.ts';

/** The newest protocol generation that this program speaks; the lower of both sides' is used. */
export const protocolGeneration = 3;

/** The first generation in which an `input` can be the end of the input, and an `upload` a folder. */
export const endOfInputGeneration = 2;
export const folderGeneration = 2;
/** The first generation whose runners have services. */
export const servicesGeneration = 3;

/** Phases of the runner. */
export type RunnerPhase = 'starting' | 'ready' | 'failed' | 'stopping';
/** State of the interpreter that answers queries: `none` = this runtime keeps none, `idle` = started when needed. */
export type InterpreterState = 'none' | 'idle' | 'starting' | 'ready' | 'failed';

/** Where the runner stands. */
export interface RunnerStatus {
  readonly phase: RunnerPhase;
  readonly interpreter: InterpreterState;
  /** Why the phase or the interpreter is `failed`; else empty. */
  readonly detail: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Bytes that the container's log could not take. */
  readonly logBytesDropped: number;
  /** Of the models that the kernel serves. */
  readonly models: readonly ModelHealth[];
}

/** What the agent sends. */
export type AgentFrameHeader =
  | { readonly t: 'hello'; readonly protocol: number; readonly secret: string; readonly role: 'control' | 'file' }
  /** Deliver the events of this run with a number above `after`, old ones first, until `detach`. */
  | { readonly t: 'attach'; readonly run: RunId; readonly after: number }
  | { readonly t: 'detach'; readonly run: RunId }
  /** The consumer has every event up to `n`. */
  | { readonly t: 'ack'; readonly run: RunId; readonly n: number }
  | ({ readonly t: 'request'; readonly id: number } & RunnerRequest)
  /** A piece of an upload (`file` connections). */
  | { readonly t: 'data' }
  | { readonly t: 'end' };

/** What the runner sends. */
export type RunnerFrameHeader =
  | {
      readonly t: 'welcome';
      readonly protocol: number;
      readonly kernelId: KernelId;
      readonly generation: number;
      readonly status: RunnerStatus;
      readonly runs: readonly RunSummary[];
    }
  | { readonly t: 'refused'; readonly reason: 'secret' | 'protocol' | 'form'; readonly text: string }
  | { readonly t: 'status'; readonly status: RunnerStatus }
  /** A run changed its phase; sent whether or not the agent is attached to it. */
  | { readonly t: 'run'; readonly summary: RunSummary }
  /** A numbered event; its bytes are the frame's body. */
  | { readonly t: 'event'; readonly run: RunId; readonly n: number; readonly event: RunEvent }
  | { readonly t: 'reply'; readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly t: 'reply'; readonly id: number; readonly ok: false; readonly error: RunnerError }
  /** A piece of a download (`file` connections). */
  | { readonly t: 'data' }
  | { readonly t: 'end' };

/** An error of a request; `code` is one of the agent's error codes. */
export interface RunnerError {
  readonly code: RunnerErrorCode;
  readonly message: string;
}

/** Codes that the runner answers with: a part of the registry in `lib/error-codes.ts`. */
export const runnerErrorCodes = [
  'INVALID_ARGUMENT',
  'FORBIDDEN_PATH',
  'FILE_NOT_FOUND',
  'FILE_ERROR',
  'RUN_NOT_FOUND',
  'RUN_EXISTS',
  'NOT_SUPPORTED',
  'OVERLOADED',
  'SHUTTING_DOWN',
  'INTERNAL',
] as const;

/** One of them. */
export type RunnerErrorCode = (typeof runnerErrorCodes)[number];

/** A file of the kernel. Times are seconds since the epoch, fractions kept. */
export interface FileEntry {
  /** Names that are not UTF-8 have their odd bytes written as `\xNN`. */
  readonly filename: string;
  readonly size: number;
  /** `-rw-r--r--` style. */
  readonly mode: string;
  readonly ctime: number;
  readonly mtime: number;
  readonly atime: number;
}

/** Requests, each with what its reply holds. */
export interface RunnerRequests {
  /** Idempotent by run id: the same request again is answered with `existing: true`; another one with RUN_EXISTS. */
  readonly execute: {
    readonly params: { readonly run: RunId; readonly request: ExecuteRequest };
    readonly result: { readonly existing: boolean };
  };
  /** Answers a `waiting-input`; a text of null is the end of the input. */
  readonly input: { readonly params: { readonly run: RunId; readonly text: string | null }; readonly result: null };
  /** The body goes to the program's standard input; answered when the pipe has taken it. */
  readonly stdin: {
    readonly params: { readonly run: RunId; readonly eof: boolean };
    readonly result: { readonly open: boolean };
  };
  /** SIGINT, or the interpreter's interrupt; without a run, to the one that runs. */
  readonly interrupt: {
    readonly params: { readonly run: RunId | null };
    readonly result: { readonly interrupted: boolean };
  };
  /** Takes a queued run off the queue, or ends a running one's process group with this signal. */
  readonly cancel: { readonly params: { readonly run: RunId; readonly signal: string }; readonly result: null };
  /** Drops what is kept of a finished run. */
  readonly forget: { readonly params: { readonly run: RunId }; readonly result: null };
  readonly complete: {
    readonly params: { readonly code: string; readonly cursor: number };
    readonly result: { readonly matches: readonly string[] };
  };
  /** As many entries as a reply holds, from the one with this index on; `next`: the index of the first that is missing. */
  readonly 'list-files': {
    readonly params: { readonly path: string; readonly from: number };
    readonly result: { readonly files: readonly FileEntry[]; readonly path: string; readonly next: number | null };
  };
  /**
   * `file` connections: then `data` frames and `end`; the reply comes after `end`. Parents are made. A path that ends with a
   * slash is a folder without content: it is made, or is there already.
   */
  readonly upload: {
    readonly params: { readonly path: string; readonly mode: number | null };
    readonly result: { readonly bytes: number };
  };
  /**
   * `file` connections: the reply, then `data` frames and `end`, or a second reply with what went wrong meanwhile. A folder
   * comes as a tar stream, whose size is null; of a file come exactly `size` bytes.
   */
  readonly download: {
    readonly params: { readonly path: string };
    readonly result: { readonly form: 'file' | 'tar'; readonly size: number | null; readonly name: string };
  };
  /** A service of `runner.json`; answered when its port is open, or when it is clear that it will not be. */
  readonly 'start-service': {
    readonly params: { readonly name: string; readonly options: ServiceOptions };
    readonly result: ServiceOutcome;
  };
  /** Ends a service if it runs; answered when it has ended. */
  readonly 'stop-service': { readonly params: { readonly name: string }; readonly result: null };
  /** What the image's definitions say of services. */
  readonly apps: { readonly params: null; readonly result: { readonly apps: readonly ServiceApp[] } };
  readonly ping: { readonly params: null; readonly result: RunnerStatus };
  /** SIGTERM to everything of the tenant, SIGKILL after `graceMs`, then the runner ends with status 0. */
  readonly shutdown: { readonly params: { readonly graceMs: number }; readonly result: null };
}

/** A method of the runner. */
export type RunnerMethod = keyof RunnerRequests;
/** A request with its parameters. */
export type RunnerRequest = {
  [M in RunnerMethod]: { readonly method: M; readonly params: RunnerRequests[M]['params'] };
}[RunnerMethod];
