/**
 * A runner without a container, for the dummy engine and for simulations: runs say what a script says, files are entries of
 * a map, and all of it is gone with the process.
 */
import type { Duplex } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { raceWithSignal } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { type ContextState, mainContext } from '../protocol/kernel-contexts.ts';
import type { FileChange, UnpackedArchive } from '../protocol/kernel-files.ts';
import type { ServiceApp, ServiceOutcome } from '../protocol/kernel-services.ts';
import { describe } from '../protocol/run-description.ts';
import type { NumberedRunEvent, RunEvent, RunSummary } from '../protocol/run-event.ts';
import type { RunnerStatus } from '../protocol/runner-frames.ts';
import type { Download, RunnerClient, RunnerClientEvent } from './runner-client.ts';

/** What a run says, in order; it may wait between two things. */
export type RunScript = (
  request: ExecuteRequest,
  answers: AsyncIterator<string | null>,
) => AsyncIterable<ScriptedEvent>;
/** An event and its bytes as text. */
export type ScriptedEvent = readonly [RunEvent, string?];

/** Programs print themselves, commands their words. */
export const echo: RunScript = async function* (request) {
  yield [{ kind: 'started' }];
  yield [{ kind: 'stdout' }, `${textOf(request)}\n`];
  yield [{ kind: 'finished', exitCode: 0, reason: 'exited' }];
};

function textOf(request: ExecuteRequest): string {
  switch (request.mode) {
    case 'query':
      return request.code;
    case 'command':
      return request.argv.join(' ');
    case 'batch':
      return [request.clean, request.build, request.exec].filter((part) => part !== null).join('\n');
    case 'program':
      return request.source.from === 'code' ? request.source.code : '';
  }
}

/** The fields of all requests. */
interface Params {
  readonly run: RunId;
  readonly request: ExecuteRequest;
  readonly text: string | null;
  readonly code: string;
  readonly cursor: number;
  readonly path: string;
  readonly name: string;
  readonly runtime: string | null;
  readonly cwd: string | null;
}

const idleContext = { runtime: 'python', cwd: null, state: 'idle', detail: '', waiting: 0, running: null } as const;

interface ScriptedRun {
  readonly request: ExecuteRequest;
  readonly events: NumberedRunEvent[];
  readonly answers: (string | null)[];
  wake: () => void;
  answered: () => void;
  over: boolean;
}

/** A client whose runner is this object: it answers as the script says. */
export class ScriptedRunner implements RunnerClient {
  readonly files = new Map<string, Buffer>();
  /** What the image says of services. */
  apps: readonly ServiceApp[] = [];
  /** What comes of the start of one. */
  startService: (name: string) => Promise<ServiceOutcome> = async () => ({ status: 'started' });
  /** What may follow a text. */
  complete: (before: string) => readonly string[] = () => [];
  readonly #runs = new Map<RunId, ScriptedRun>();
  readonly #contexts = new Map<string, Pick<ContextState, 'runtime' | 'cwd'>>([[mainContext, idleContext]]);
  readonly #script: () => RunScript;

  constructor(script: () => RunScript) {
    this.#script = script;
  }

  async ready(): Promise<RunnerStatus> {
    return this.status();
  }

  connected(): boolean {
    return true;
  }

  unreachableSince(): null {
    return null;
  }

  busy(): boolean {
    return false;
  }

  suspend(): void {}

  status(): RunnerStatus {
    return { phase: 'ready', interpreter: 'ready', detail: '', startedAt: 1_500, logBytesDropped: 0, models: [] };
  }

  // The results are those of `RunnerRequests`, which a test's own reading proves.
  async request(method: string, params: object | null): Promise<never> {
    return (await this.#answer(method, params as Params)) as never;
  }

  async *events(run: RunId, after: number, signal: AbortSignal): AsyncGenerator<NumberedRunEvent, void, undefined> {
    const found = this.#run(run);
    for (let at = after; ; at += 1) {
      while (found.events.length <= at) {
        if (found.over) return;
        signal.throwIfAborted();
        const { promise, resolve } = Promise.withResolvers<void>();
        found.wake = resolve;
        await raceWithSignal(promise, signal);
      }
      const event = found.events[at];
      if (event) yield event;
      if (event?.event.kind === 'finished') return;
    }
  }

  runs(): readonly RunSummary[] {
    return [...this.#runs].map(([run, { request, events }]) => {
      const end = events.at(-1)?.event;
      const finished = end?.kind === 'finished' ? end : null;
      return {
        ...describe(request),
        run,
        phase: finished ? 'finished' : 'running',
        last: events.length,
        oldest: 1,
        exitCode: finished?.exitCode ?? null,
        reason: finished?.reason ?? null,
      };
    });
  }

  async upload(path: string, content: ReadableStream<Uint8Array>): Promise<{ bytes: number }> {
    const bytes = Buffer.from(await new Response(content).arrayBuffer());
    this.files.set(path, bytes);
    return { bytes: bytes.length };
  }

  async download(path: string): Promise<Download> {
    const bytes = this.files.get(path);
    if (!bytes) throw new KerneletError('FILE_NOT_FOUND', `${path} does not exist`);
    const content = new Blob([new Uint8Array(bytes)]).stream();
    const form = path.endsWith('/') ? 'tar' : 'file';
    const size = form === 'file' ? bytes.length : null;
    return { form, size, name: path.split('/').at(-1) ?? path, mode: form === 'file' ? 0o640 : null, content };
  }

  async connectPort(port: number): Promise<Duplex> {
    throw new KerneletError('PORT_CLOSED', `nothing listens on port ${port} in the kernel`);
  }

  async unpack(path: string, content: ReadableStream<Uint8Array>): Promise<UnpackedArchive> {
    const { bytes } = await this.upload(path, content);
    return { bytes, files: 1, skipped: [], skippedCount: 0 };
  }

  async watch(path: string): Promise<AsyncIterable<FileChange>> {
    return (async function* () {
      yield { type: 'watching', path } as const;
    })();
  }

  subscribe(_: (event: RunnerClientEvent) => void): Disposable {
    return { [Symbol.dispose]: () => {} };
  }
  ended(): void {}
  async [Symbol.asyncDispose](): Promise<void> {}

  async #answer(method: string, params: Params): Promise<unknown> {
    switch (method) {
      case 'execute':
        return this.#begin(params.run, params.request);
      case 'input': {
        const run = this.#run(params.run);
        run.answers.push(params.text);
        run.answered();
        return null;
      }
      case 'interrupt':
        return { interrupted: true };
      case 'contexts':
        return { contexts: [...this.#contexts].map(([name, spec]) => ({ ...idleContext, ...spec, name })) };
      case 'create-context':
        if (this.#contexts.has(params.name)) throw new KerneletError('CONTEXT_EXISTS', `${params.name} exists`);
        this.#contexts.set(params.name, { runtime: params.runtime ?? idleContext.runtime, cwd: params.cwd });
        return { existing: false };
      case 'restart-context':
      case 'remove-context':
        if (!this.#contexts.has(params.name)) throw new KerneletError('CONTEXT_NOT_FOUND', `no ${params.name}`);
        if (method === 'remove-context') this.#contexts.delete(params.name);
        return null;
      case 'listening-ports':
        return { ports: [], more: false };
      case 'apps':
        return { apps: this.apps };
      case 'start-service':
        return await this.startService(params.name);
      case 'stop-service':
        return null;
      case 'complete':
        return { matches: this.complete(params.code.slice(0, params.cursor)) };
      case 'list-files': {
        if (params.path.startsWith('/etc')) throw new KerneletError('FORBIDDEN_PATH', 'outside of the home');
        const times = { ctime: 1.5, mtime: 2.5, atime: 3.5 };
        const facts = { type: 'file', mode: '-rw-r--r--', permissions: '644', uid: 0, gid: 0, target: null };
        const entries = [...this.files].map(([filename, { length: size }]) => ({ filename, size, ...facts }));
        if (entries.length === 0) throw new KerneletError('FILE_NOT_FOUND', 'there is no such folder');
        return { path: '/home/work', files: entries.map((entry) => ({ ...entry, ...times })), next: null };
      }
      default:
        throw new KerneletError('NOT_SUPPORTED', `the dummy engine's kernels cannot answer ${method}`);
    }
  }

  #begin(run: RunId, request: ExecuteRequest): { existing: boolean } {
    const existing = this.#runs.get(run);
    if (existing && isDeepStrictEqual(existing.request, request)) return { existing: true };
    if (existing) throw new KerneletError('RUN_EXISTS', `run ${run} exists with another request`);
    const made: ScriptedRun = { request, events: [], answers: [], wake: () => {}, answered: () => {}, over: false };
    this.#runs.set(run, made);
    void this.#play(made);
    return { existing: false };
  }

  async #play(run: ScriptedRun): Promise<void> {
    async function* answers() {
      for (;;) {
        while (run.answers.length === 0)
          await new Promise<void>((resolve) => {
            run.answered = resolve;
          });
        yield run.answers.shift() ?? null;
      }
    }
    for await (const [event, body = ''] of this.#script()(run.request, answers())) {
      run.events.push({ n: run.events.length + 1, event, body: Buffer.from(body) });
      run.wake();
    }
    run.over = true;
    run.wake();
  }

  #run(run: RunId): ScriptedRun {
    const found = this.#runs.get(run);
    if (!found) throw new KerneletError('RUN_NOT_FOUND', `no run has the id ${run}`);
    return found;
  }
}
