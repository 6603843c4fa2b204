/**
 * What the agent sends to a runner: the headers of its frames, the requests, and the guards by which the runner reads them.
 * The agent connects to `/opt/kernel/run/runner.sock`; the first frame of each connection is `hello`, answered by `welcome`
 * or `refused`. One `control` connection at a time: a newer one takes over. Each file transfer has a `file` connection of
 * its own, and each connection to a port in the kernel a `port` connection.
 *
 * Flow control: events of a run are sent only while the agent is attached to it, and a run's program is blocked once
 * `unacknowledged` bytes reach the bound of the runner's replay buffer. Nothing is dropped.
 *
 * The runner is root inside the container and its socket is root's alone, but it checks every field all the same: a defect
 * of the agent then ends one connection, not a kernel.
 */
import type { RunId } from '../lib/ids.ts';
import type { ExecuteRequest, ProcessOptions, ProgramSource } from './execute-request.ts';
import { FrameError } from './frame.ts';
import { type Fields, flag, isAbsent, list, object, oneOf, runId, text, whole, withoutNul } from './guards.ts';
import { type ContextSpec, type ContextState, contextName } from './kernel-contexts.ts';
import { type FileRequests, filePath, fileRequestGuards, type UnpackedArchive } from './kernel-files.ts';
import { type ListeningPorts, portNumber } from './kernel-ports.ts';
import { type ServiceApp, type ServiceOptions, type ServiceOutcome, serviceOptions } from './kernel-services.ts';
import { runName } from './run-description.ts';
import { runLimits } from './run-limits.ts';
import type { RunnerStatus } from './runner-frames.ts';
import { type TerminalSize, terminalSize } from './terminal-size.ts';

/** Brought the end of a program's input (`input` without a text), and folders to upload. */
export const generation2 = 2;
/** Brought services of kernels: applications, SSH and the web terminal. */
export const generation3 = 3;
/**
 * Brought contexts beside `main`, names, options and signals for programs and commands, output for several readers, and values
 * and errors with every form; `generation-3.ts` has what older ones are told instead.
 */
export const generation4 = 4;
/** Brought terminals and limits for programs and commands; `generation-4.ts` has what older ones are told of their ends. */
export const generation5 = 5;
/**
 * Brought connections to ports in the kernel, and the list of those on which something listens; work on files beside transfers,
 * archives to unpack, and folders that are watched.
 */
export const generation6 = 6;
/** The newest generation of the protocol that this program speaks; the lower of both sides' is used. */
export const protocolGeneration = Math.max(generation2, generation3, generation4, generation5, generation6);

/** What a connection is for. */
export type ConnectionRole = (typeof connectionRoles)[number];
const connectionRoles = ['control', 'file', 'port'] as const;

/** The header of a frame that the agent sends. */
export type AgentFrameHeader =
  | { readonly t: 'hello'; readonly protocol: number; readonly secret: string; readonly role: ConnectionRole }
  /**
   * Deliver the events of this run with a number above `after`, old ones first, until `detach`. Where a run has several readers,
   * each has a number above 0, which comes with its events.
   */
  | { readonly t: 'attach'; readonly run: RunId; readonly after: number; readonly reader?: number }
  | { readonly t: 'detach'; readonly run: RunId; readonly reader?: number }
  /** The consumer has every event up to `n`. */
  | { readonly t: 'ack'; readonly run: RunId; readonly n: number }
  | ({ readonly t: 'request'; readonly id: number } & RunnerRequest)
  /** A piece of an upload (`file` connections), or bytes for the port (`port` connections). */
  | { readonly t: 'data' }
  | { readonly t: 'end' };

/** Requests, each with what its reply holds. */
export interface RunnerRequests extends FileRequests {
  /** Idempotent by run id: the same request again is answered with `existing: true`; another one with RUN_EXISTS. */
  readonly execute: {
    readonly params: { readonly run: RunId; readonly request: ExecuteRequest };
    readonly result: { readonly existing: boolean };
  };
  /** Answers a `waiting-input`; a text of null is the end of the input. */
  readonly input: { readonly params: { readonly run: RunId; readonly text: string | null }; readonly result: null };
  /** The body goes to the program's standard input; answered when the pipe has accepted it. */
  readonly stdin: {
    readonly params: { readonly run: RunId; readonly eof: boolean };
    readonly result: { readonly open: boolean };
  };
  /** SIGINT, or the interpreter's interrupt; without a run, to the one that runs in this context, `main` when absent. */
  readonly interrupt: {
    readonly params: { readonly run: RunId | null; readonly context?: string | undefined };
    readonly result: { readonly interrupted: boolean };
  };
  /** Takes a queued run off the queue, or ends a running one's process group with this signal. */
  readonly cancel: { readonly params: { readonly run: RunId; readonly signal: string }; readonly result: null };
  /** A signal to the process group of a run, and nothing more; says whether there was one. */
  readonly signal: {
    readonly params: { readonly run: RunId; readonly signal: string };
    readonly result: { readonly delivered: boolean };
  };
  /** The size of a run's terminal from now on, the last one counts; says whether it has one. */
  readonly resize: {
    readonly params: { readonly run: RunId } & TerminalSize;
    readonly result: { readonly resized: boolean };
  };
  /** Drops what is kept of a finished run. */
  readonly forget: { readonly params: { readonly run: RunId }; readonly result: null };
  /** By the interpreter of this context, `main` when absent. */
  readonly complete: {
    readonly params: { readonly code: string; readonly cursor: number; readonly context?: string | undefined };
    readonly result: { readonly matches: readonly string[] };
  };
  /** Idempotent by name: the same context again is answered with `existing: true`; another one with CONTEXT_EXISTS. */
  readonly 'create-context': { readonly params: ContextSpec; readonly result: { readonly existing: boolean } };
  /** Cancels its runs and ends its interpreter; answered when that has ended. `main` stays. */
  readonly 'remove-context': { readonly params: { readonly name: string }; readonly result: null };
  /** Cancels its runs, and gives it a new interpreter; answered when the old one has ended. */
  readonly 'restart-context': { readonly params: { readonly name: string }; readonly result: null };
  readonly contexts: { readonly params: null; readonly result: { readonly contexts: readonly ContextState[] } };
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
   * comes as a tar stream, whose size is null; of a file come exactly `size` bytes. `mode` has a file's permission bits; it is
   * null for a folder, and of runners of older versions.
   */
  readonly download: {
    readonly params: { readonly path: string };
    readonly result: {
      readonly form: 'file' | 'tar';
      readonly size: number | null;
      readonly name: string;
      readonly mode: number | null;
    };
  };
  /**
   * `port` connections: connects to a TCP port in the kernel. After the reply come `data` frames both ways, and of each side an
   * `end` when it sends no more; a connection that closes without both has broken.
   */
  readonly connect: { readonly params: { readonly port: number }; readonly result: null };
  /** On which TCP ports something listens in the kernel. */
  readonly 'listening-ports': { readonly params: null; readonly result: ListeningPorts };
  /**
   * `file` connections: then `data` frames with a tar archive, and `end`; the reply comes after `end`. The folder is made with its
   * parents. `skipped`: what was left out, as far as it is told.
   */
  readonly unpack: {
    readonly params: { readonly path: string };
    readonly result: UnpackedArchive;
  };
  /** `file` connections: the reply, then `data` frames with a `FileChange` a line, and `end` when the folder is gone. */
  readonly 'watch-folder': {
    readonly params: { readonly path: string; readonly recursive: boolean };
    readonly result: null;
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

/** The name of a request. */
export type RunnerMethod = keyof RunnerRequests;
/** Those that need a connection of their own, of role `file`. */
export type TransferMethod = 'upload' | 'download' | 'unpack' | 'watch-folder';
/** Requests on the control connection; each of the others has a connection of its own. */
export type ControlMethod = Exclude<RunnerMethod, TransferMethod | 'connect'>;
/** A request with its parameters. */
export type RunnerRequest = {
  [M in RunnerMethod]: { readonly method: M; readonly params: RunnerRequests[M]['params'] };
}[RunnerMethod];

type RequestGuards = {
  readonly [M in RunnerMethod]: (params: Fields) => Extract<RunnerRequest, { method: M }>['params'];
};

const signalForm = /^SIG[A-Z0-9+]{2,10}$/;
const maxCode = 480 * 1024;
const maxArguments = 16_384;
const maxTimeoutMs = 2 ** 31 - 1;
const maxGraceMs = 600_000;
const maxServiceName = 256;
const maxRuntime = 64;
const maxVariables = 1024;
/** Requests that say nothing but their name. */
const withoutParams: ReadonlySet<string> = new Set([
  'ping',
  'apps',
  'contexts',
  'listening-ports',
] satisfies RunnerMethod[]);

const requestGuards: RequestGuards = {
  execute: (params) => ({ run: runId(params['run']), request: executeRequest(params['request']) }),
  input: (params) => ({
    run: runId(params['run']),
    text: params['text'] === null ? null : text(params['text'], 'text', maxCode),
  }),
  stdin: (params) => ({ run: runId(params['run']), eof: flag(params['eof'], 'eof') }),
  interrupt: (params) => ({ run: params['run'] === null ? null : runId(params['run']), ...context(params) }),
  cancel: (params) => ({ run: runId(params['run']), signal: signal(params['signal']) }),
  signal: (params) => ({ run: runId(params['run']), signal: signal(params['signal']) }),
  resize: (params) => ({ run: runId(params['run']), ...terminalSize(params, 'params') }),
  forget: (params) => ({ run: runId(params['run']) }),
  complete: (params) => ({
    code: text(params['code'], 'code', maxCode),
    cursor: whole(params['cursor'], 'cursor', 0, maxCode),
    ...context(params),
  }),
  'create-context': (params) => ({
    name: contextName(params['name']),
    runtime: params['runtime'] === null ? null : text(params['runtime'], 'runtime', maxRuntime),
    cwd: params['cwd'] === null ? null : filePath(params['cwd']),
  }),
  'remove-context': (params) => ({ name: contextName(params['name']) }),
  'restart-context': (params) => ({ name: contextName(params['name']) }),
  contexts: () => null,
  ...fileRequestGuards,
  upload: (params) => ({
    path: filePath(params['path']),
    mode: params['mode'] === null ? null : whole(params['mode'], 'mode', 0, 0o777),
  }),
  connect: (params) => ({ port: portNumber(params['port']) }),
  'listening-ports': () => null,
  download: (params) => ({ path: filePath(params['path']) }),
  unpack: (params) => ({ path: filePath(params['path']) }),
  'watch-folder': (params) => ({ path: filePath(params['path']), recursive: flag(params['recursive'], 'recursive') }),
  'start-service': (params) => ({
    name: text(params['name'], 'name', maxServiceName),
    options: serviceOptions(params['options']),
  }),
  'stop-service': (params) => ({ name: text(params['name'], 'name', maxServiceName) }),
  apps: () => null,
  ping: () => null,
  shutdown: (params) => ({ graceMs: whole(params['graceMs'], 'graceMs', 0, maxGraceMs) }),
};

/** Reads the header of a frame that an agent sent. Throws FrameError when it is not one. */
export function parseAgentFrameHeader(header: unknown): AgentFrameHeader {
  const fields = object(header, 'header');
  switch (fields['t']) {
    case 'ack':
      return { t: 'ack', run: runId(fields['run']), n: whole(fields['n'], 'n', 0) };
    case 'request':
      return { t: 'request', id: whole(fields['id'], 'id', 0), ...request(fields) };
    case 'data':
      return { t: 'data' };
    case 'end':
      return { t: 'end' };
    case 'attach':
      return { t: 'attach', run: runId(fields['run']), after: whole(fields['after'], 'after', 0), ...reader(fields) };
    case 'detach':
      return { t: 'detach', run: runId(fields['run']), ...reader(fields) };
    case 'hello':
      return {
        t: 'hello',
        protocol: whole(fields['protocol'], 'protocol', 1),
        secret: text(fields['secret'], 'secret', 256),
        role: oneOf(fields['role'], connectionRoles, 'role'),
      };
    default:
      throw new FrameError('header of an unknown type');
  }
}

/** Reads an execution. Throws FrameError. */
function executeRequest(value: unknown): ExecuteRequest {
  const fields = object(value, 'request');
  const timeoutMs = fields['timeoutMs'] === null ? null : whole(fields['timeoutMs'], 'timeoutMs', 1, maxTimeoutMs);
  const mode = fields['mode'];
  switch (mode) {
    case 'query':
      return { mode, code: text(fields['code'], 'code', maxCode), ...context(fields), timeoutMs };
    case 'batch':
      return {
        mode,
        clean: step(fields['clean'], 'clean'),
        build: step(fields['build'], 'build'),
        exec: step(fields['exec'], 'exec'),
        timeoutMs,
      };
    case 'program':
      return {
        mode,
        source: source(fields['source']),
        args: words(fields['args'], 'args', 0),
        ...processOptions(fields),
        timeoutMs,
      };
    case 'command':
      return { mode, argv: words(fields['argv'], 'argv', 1), ...processOptions(fields), timeoutMs };
    default:
      throw new FrameError('mode is not a mode of execution');
  }
}

function request(fields: Fields): RunnerRequest {
  const method = fields['method'];
  if (typeof method !== 'string' || !Object.hasOwn(requestGuards, method)) {
    throw new FrameError('method is not a method of the runner');
  }
  const params = withoutParams.has(method) ? {} : object(fields['params'], 'params');
  // The table is typed method by method; TypeScript cannot tie the two halves of the pair together here.
  return { method, params: requestGuards[method as RunnerMethod](params) } as RunnerRequest;
}

function source(value: unknown): ProgramSource {
  const fields = object(value, 'source');
  const from = fields['from'];
  switch (from) {
    case 'code':
      return { from, code: text(fields['code'], 'code', maxCode) };
    case 'file':
      return { from, path: filePath(fields['path']) };
    case 'stdin':
      return { from };
    default:
      throw new FrameError('from is none of code, file, stdin');
  }
}

/** What is absent stays so: a request that comes again is compared with the first. */
function processOptions({ name, cwd, environ, stdin, output, tty, limits }: Fields): ProcessOptions {
  return {
    ...(isAbsent(name) ? {} : { name: runName(name) }),
    ...(isAbsent(cwd) ? {} : { cwd: filePath(cwd) }),
    ...(isAbsent(environ) ? {} : { environ: variables(environ) }),
    ...(isAbsent(stdin) ? {} : { stdin: oneOf(stdin, ['stream', 'closed'] as const, 'stdin') }),
    ...(isAbsent(output) ? {} : { output: oneOf(output, ['wait', 'newest'] as const, 'output') }),
    ...(isAbsent(tty) ? {} : { tty: terminalSize(tty, 'tty') }),
    ...(isAbsent(limits) ? {} : { limits: runLimits(limits) }),
  };
}

function variables(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(object(value, 'environ'));
  if (entries.length > maxVariables) throw new FrameError(`environ has more than ${maxVariables} variables`);
  return Object.fromEntries(
    entries.map(([name, content]) => {
      if (!/^[^=\0]+$/.test(name)) throw new FrameError('environ has what is not the name of a variable');
      return [name, withoutNul(text(content, 'a variable', maxCode), 'a variable')];
    }),
  );
}

const reader = (fields: Fields): { readonly reader?: number } =>
  fields['reader'] === undefined ? {} : { reader: whole(fields['reader'], 'reader', 1) };

/** Absent: `main`. */
const context = ({ context: name }: Fields): { readonly context?: string } =>
  isAbsent(name) ? {} : { context: contextName(name) };

const step = (value: unknown, what: string): string | null =>
  value === null ? null : withoutNul(text(value, what, maxCode), what);

function words(value: unknown, what: string, min: number): readonly string[] {
  const items = list(value, what, maxArguments);
  if (items.length < min) throw new FrameError(`${what} is empty`);
  return items.map((item) => withoutNul(text(item, what, maxCode), what));
}

function signal(value: unknown): string {
  const name = text(value, 'signal', 16);
  if (!signalForm.test(name)) throw new FrameError('signal is not the name of a signal');
  return name;
}
