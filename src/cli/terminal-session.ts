/**
 * A run on a terminal, on the terminal of whoever calls: keys go to it as they are, its output is shown as it is, and its size
 * follows. Resolves with the exit status.
 */
import type { ApiBody } from '../http/api-types.ts';
import { maxTerminalCells } from '../http/limits.ts';
import { hasCode, toKerneletError } from '../lib/errors.ts';
import { newRunId } from '../lib/ids.ts';
import { CoalescedTask } from '../lib/single-flight.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import type { ApiClient, ExecuteRequest } from './api-client.ts';
import { DetachKeys } from './detach-keys.ts';
import { exitStatus, statusOfEnd } from './exit-status.ts';
import type { CliIo } from './host.ts';
import { UsageError } from './option-reader.ts';
import { followRun } from './resumed-stream.ts';
import type { Screen } from './screen.ts';

/** A program or command, which runs on a terminal. */
type TerminalRequest = Extract<ExecuteRequest, { readonly mode: 'command' | 'program' }>;

/** What to run, or which run that is there already to show. */
export interface TerminalSessionOptions {
  readonly client: ApiClient;
  readonly screen: Screen;
  readonly kernel: string;
  readonly request: TerminalRequest | null;
  /** Of a run that is there: its id, the beginning of it, or its name; and the event behind which to begin. */
  readonly attached?: { readonly run: string; readonly after: number };
  /** By which one leaves and the run goes on; none: by no keys. */
  readonly detachKeys: Uint8Array;
  /** Aborts when the caller is ended; a run of its own is then hung up. */
  readonly signal: AbortSignal;
}

const hangUpMs = 2_000;
const usualTerminal = 'xterm-256color';

/** Throws UsageError where nobody can type. */
export function assertTerminal({ io, json }: Screen): void {
  if (json) throw new UsageError('--json does not go with a terminal');
  if (!io.stdin.isTerminal) {
    throw new UsageError(
      'a terminal is asked for, and standard input is none',
      'Leave out --tty: input is sent and output shown without it too.',
    );
  }
}

/** The same request on a terminal like that of the caller. */
export function onTerminal<Request extends TerminalRequest>(request: Request, io: CliIo): Request {
  const environ = { TERM: io.environ['TERM'] || usualTerminal, ...request.environ };
  return { ...request, environ, tty: sizeOf(io) };
}

/** A run that is being shown. */
export class TerminalSession {
  readonly run: string;
  readonly #options: TerminalSessionOptions;
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  #detached = false;
  /** Of the sizes while a request is under way the last one counts. */
  readonly #size: CoalescedTask;

  constructor(options: TerminalSessionOptions) {
    this.#options = options;
    this.run = options.attached?.run ?? newRunId();
    this.#signal = AbortSignal.any([options.signal, this.#over.signal]);
    this.#size = new CoalescedTask(() => this.#sendSize());
  }

  /** Runs to the end, or until the caller detaches. Rejects with the session's signal's reason or an error of the API. */
  async show(): Promise<number> {
    const { client, kernel, request, signal, screen } = this.#options;
    if (request) await client.execute(kernel, this.run, request, signal);
    try {
      const { status, line } = await this.#showRaw();
      if (line !== null) await screen.note(line);
      return status;
    } catch (error) {
      if (request && signal.aborted) await this.#hangUp();
      throw error;
    }
  }

  async #showRaw(): Promise<{ readonly status: number; readonly line: string | null }> {
    const { kernel, request, screen } = this.#options;
    using _raw = screen.io.stdin.raw();
    using _resized = screen.io.onSignal('SIGWINCH', () => this.#size.request());
    using _continued = screen.io.onSignal('SIGCONT', () => this.#size.request());
    if (!request) this.#size.request();
    const typing = this.#type();
    try {
      return await this.#showEvents();
    } catch (error) {
      if (!this.#detached) throw error;
      return { status: exitStatus.ok, line: `detached; \`kernelet attach ${kernel} ${this.run}\` comes back` };
    } finally {
      this.#over.abort();
      await typing;
    }
  }

  async #showEvents(): Promise<{ readonly status: number; readonly line: string | null }> {
    const { client, kernel, attached, screen } = this.#options;
    const after = attached?.after ?? 0;
    for await (const numbered of followRun({ client, kernel, run: this.run, after, signal: this.#signal })) {
      const { event } = numbered;
      if (event.kind === 'finished') {
        return statusOfEnd({ ...event, timeoutMs: this.#options.request?.timeoutMs ?? null, memoryBytes: null });
      }
      await screen.io.stdout.write(shownOf(numbered));
    }
    throw new Error('unreachable: a run is followed to its end');
  }

  /** Never rejects: how the run ends is told by its events. */
  async #type(): Promise<void> {
    const { client, kernel, screen, detachKeys } = this.#options;
    const keys = new DetachKeys(detachKeys);
    try {
      for await (const piece of screen.io.stdin.chunks(this.#signal)) {
        const { typed, detached } = keys.take(piece);
        if (typed.length > 0) await client.stdin(kernel, this.run, typed, false, this.#signal).catch(lostKeys);
        if (!detached) continue;
        this.#detached = true;
        return this.#over.abort();
      }
    } catch (error) {
      if (this.#signal.aborted || hasCode(error, 'RUN_NOT_FOUND', 'KERNEL_NOT_RUNNING', 'KERNEL_DIED')) return;
      await screen.note(`what is typed does not arrive any more: ${toKerneletError(error).message}`, '\r\n');
    }
  }

  /** Fails where it has ended or the daemon is away: then the next change tells. */
  async #sendSize(): Promise<void> {
    const { client, kernel, screen } = this.#options;
    await client.resizeRun(kernel, this.run, sizeOf(screen.io), this.#signal).catch(() => {});
  }

  /** Whoever is ended has not detached: the program is told that its terminal is gone. */
  async #hangUp(): Promise<void> {
    const { client, kernel } = this.#options;
    await client.cancel(kernel, this.run, 'SIGHUP', AbortSignal.timeout(hangUpMs)).catch(() => {});
  }
}

/** What is typed while the daemon is away is lost; the run is not. */
function lostKeys(error: unknown): void {
  if (!hasCode(error, 'DAEMON_UNREACHABLE', 'SHUTTING_DOWN')) throw error;
}

function shownOf({ event, body }: NumberedRunEvent): Uint8Array {
  if (event.kind === 'dropped') return Buffer.from('\r\n[kernelet: output before this was not kept]\r\n');
  return event.kind === 'stdout' || event.kind === 'stderr' ? body : new Uint8Array();
}

const sizeOf = ({ stdout }: CliIo): ApiBody<'resizeRun'> => ({
  columns: Math.min(stdout.columns, maxTerminalCells),
  rows: Math.min(stdout.rows, maxTerminalCells),
});
