/** A runner whose runs say what a test plants, read by read, and whose files are entries of a map that all kernels share. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { posix } from 'node:path';
import type { Duplex } from 'node:stream';
import { KerneletError } from '../../src/lib/errors.ts';
import type { RunId } from '../../src/lib/ids.ts';
import type { ExecuteRequest } from '../../src/protocol/execute-request.ts';
import type { FileChange, FileEntry, FileRequest, UnpackedArchive } from '../../src/protocol/kernel-files.ts';
import type { NumberedRunEvent, RunEvent } from '../../src/protocol/run-event.ts';
import type { Download } from '../../src/runner-client/runner-client.ts';
import { ScriptedRunner } from '../../src/runner-client/scripted-runner.ts';

/** A planted event: its header and its bytes. */
export type PlantedEvent = readonly [RunEvent, (string | Uint8Array)?];

/** A run, and what it was sent. */
export interface PlantedRun {
  readonly request: ExecuteRequest;
  readonly stdin: Buffer[];
  readonly inputs: (string | null)[];
  readonly signals: string[];
  readonly sizes: string[];
  stdinEnded: boolean;
  interrupts: number;
}

/** What runners do, and what was asked of them. */
export class Planted {
  readonly runs = new Map<string, PlantedRun>();
  readonly files = new Map<string, { bytes: Buffer; mode: number | null }>();
  /** Folders that were made, without a slash at their end. */
  readonly folders = new Set<string>();
  /** Archives that came, by the folder that they are for. */
  readonly unpacked = new Map<string, Buffer>();
  /** What a watch tells behind its beginning. */
  changes: readonly FileChange[] = [];
  readonly archives = new Map<string, () => ReadableStream<Uint8Array>>();
  /** Files whose content may have another size. */
  readonly lies = new Map<string, { readonly size: number; readonly content: () => ReadableStream<Uint8Array> }>();
  /** Ports of kernels, and which port of this machine each is. */
  readonly ports = new Map<number, number>();
  /** The latest number that a reader of events has asked to follow, by run. */
  readonly consumed = new Map<string, number>();
  /** What every run says to each of its readers, in order; the signal is the reader's. */
  script: (run: PlantedRun, signal: AbortSignal) => AsyncIterable<PlantedEvent> | Iterable<PlantedEvent> = () => [
    [{ kind: 'started' }],
    [{ kind: 'finished', exitCode: 0, reason: 'exited' }],
  ];

  /** Throws RUN_NOT_FOUND. */
  run(run: string): PlantedRun {
    const found = this.runs.get(run);
    if (!found) throw new KerneletError('RUN_NOT_FOUND', `no run has the id ${run}`);
    return found;
  }
}

/** What requests carry; each has some of it. */
interface Params {
  readonly run: RunId | null;
  readonly request: ExecuteRequest;
  readonly text: string | null;
  readonly eof: boolean;
  readonly signal: string;
  readonly columns: number;
  readonly rows: number;
  readonly path: string;
}

/** A client whose runner does what is planted. */
export class PlantedRunner extends ScriptedRunner {
  readonly #planted: Planted;

  constructor(planted: Planted) {
    super(() => async function* () {});
    this.#planted = planted;
    this.complete = (before) => [`${before}ing`];
  }

  override async request(method: string, params: object | null, options?: { body?: Uint8Array }): Promise<never> {
    const answer = this.#answerTo(method, (params ?? {}) as Params, options?.body ?? new Uint8Array());
    return answer === undefined ? await super.request(method, params) : (answer as never);
  }

  override async *events(id: RunId, after: number, signal: AbortSignal): AsyncGenerator<NumberedRunEvent> {
    const run = this.#planted.run(id);
    let n = 0;
    for await (const [event, body = ''] of this.#planted.script(run, signal)) {
      signal.throwIfAborted();
      n += 1;
      if (n <= after) continue;
      yield { n, event, body: typeof body === 'string' ? Buffer.from(body) : body };
      this.#planted.consumed.set(id, n);
    }
  }

  override async upload(
    path: string,
    content: ReadableStream<Uint8Array>,
    options?: { mode: number | null },
  ): Promise<{ bytes: number }> {
    if (path.startsWith('..')) throw new KerneletError('FORBIDDEN_PATH', `${path} lies outside of /home/work`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    this.#planted.files.set(path, { bytes, mode: options?.mode ?? null });
    return { bytes: bytes.length };
  }

  override async download(path: string): Promise<Download> {
    const { archives, lies, files } = this.#planted;
    const folder = archives.get(path);
    if (folder) return { form: 'tar', size: null, name: path, mode: null, content: folder() };
    const lie = lies.get(path);
    if (lie) return { form: 'file', size: lie.size, name: path, mode: null, content: lie.content() };
    const file = files.get(path);
    if (!file) throw new KerneletError('FILE_NOT_FOUND', `${path} does not exist`);
    const content = new Blob([new Uint8Array(file.bytes)]).stream();
    return { form: 'file', size: file.bytes.length, name: path, mode: file.mode, content };
  }

  override async connectPort(port: number): Promise<Duplex> {
    const local = this.#planted.ports.get(port);
    if (local === undefined) return await super.connectPort(port);
    const socket = connect({ host: '127.0.0.1', port: local, allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  }

  override async unpack(path: string, content: ReadableStream<Uint8Array>): Promise<UnpackedArchive> {
    const bytes = Buffer.from(await new Response(content).arrayBuffer());
    this.#planted.unpacked.set(path, bytes);
    return { bytes: bytes.length, files: 1, skipped: [], skippedCount: 0 };
  }

  override async watch(path: string): Promise<AsyncIterable<FileChange>> {
    const { changes } = this.#planted;
    return (async function* () {
      yield { type: 'watching', path } as const;
      yield* changes;
    })();
  }

  /** undefined: as every scripted runner answers. */
  #answerTo(method: string, params: Params, body: Uint8Array): unknown {
    const planted = this.#planted;
    const { run, request, text, eof, signal, path, columns, rows } = params;
    switch (method) {
      case 'execute': {
        if (planted.runs.has(run ?? '')) return { existing: true };
        const made = { request, stdin: [], inputs: [], signals: [], sizes: [], stdinEnded: false, interrupts: 0 };
        planted.runs.set(run ?? '', made);
        return { existing: false };
      }
      case 'input':
        planted.run(run ?? '').inputs.push(text);
        return null;
      case 'stdin': {
        const reading = planted.run(run ?? '');
        if (body.length > 0) reading.stdin.push(Buffer.from(body));
        if (eof) reading.stdinEnded = true;
        return { open: !reading.stdinEnded };
      }
      case 'interrupt':
        if (run === null) return { interrupted: false };
        planted.run(run).interrupts += 1;
        return { interrupted: true };
      case 'cancel':
        planted.run(run ?? '').signals.push(signal);
        return null;
      case 'resize':
        planted.run(run ?? '').sizes.push(`${columns}x${rows}`);
        return { resized: true };
      case 'signal':
        planted.run(run ?? '').signals.push(`only ${signal}`);
        return { delivered: true };
      case 'list-files':
        return this.#list(path);
      case 'listening-ports':
        return { ports: [...planted.ports.keys()].map((port) => ({ port, addresses: ['127.0.0.1'] })), more: false };
      default:
        return this.#work({ method, params } as FileRequest);
    }
  }

  #work({ method, params }: FileRequest): unknown {
    const { files, folders } = this.#planted;
    const isThere = (path: string): boolean => files.has(path) || folders.has(path);
    const missing = (path: string) => new KerneletError('FILE_NOT_FOUND', `${path} does not exist`);
    switch (method) {
      case 'stat-file': {
        const { path } = params;
        if (!isThere(path)) throw missing(path);
        const file = entry(path, files.get(path)?.bytes.length ?? 0);
        const folder = { type: 'folder', mode: 'drwxr-xr-x', permissions: '755' };
        return { path: posix.join('/home/work', path), file: { ...file, ...(files.has(path) ? {} : folder) } };
      }
      case 'make-folder':
        if (files.has(params.path)) throw new KerneletError('FILE_EXISTS', `${params.path} is no folder`);
        return { created: !folders.has(params.path) && folders.add(params.path) !== undefined };
      case 'move-file': {
        const { from, to, replace } = params;
        const file = files.get(from);
        if (!file) throw missing(from);
        if (!replace && isThere(to)) throw new KerneletError('FILE_EXISTS', `${to} is there already`);
        files.delete(from);
        files.set(to, file);
        return null;
      }
      case 'remove-file': {
        const { path, recursive } = params;
        if (!isThere(path)) throw missing(path);
        if (folders.has(path) && !recursive) throw new KerneletError('FILE_ERROR', `${path} is a folder`);
        return { removed: Number(files.delete(path)) + Number(folders.delete(path)), complete: true };
      }
      default:
        return undefined;
    }
  }

  #list(path: string): { path: string; files: readonly FileEntry[]; next: null } {
    const { files } = this.#planted;
    const inside = posix.join(path, '/');
    const isFolder = inside === './' || [...files.keys()].some((name) => name.startsWith(inside));
    if (!isFolder) throw new KerneletError('FILE_NOT_FOUND', `${path} is not a folder`);
    return { path, files: [...files].map(([name, { bytes }]) => entry(name, bytes.length)), next: null };
  }
}

const entry = (filename: string, size: number): FileEntry => ({
  ...{ filename, size, type: 'file', mode: '-rw-r--r--', permissions: '644', uid: 1000, gid: 1000, target: null },
  ...{ ctime: 1, mtime: 1, atime: 1 },
});
