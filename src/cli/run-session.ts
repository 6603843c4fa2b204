/**
 * One run from its start to its end, as `run` and `exec` show it: output to the right descriptors, standard input to
 * the program, questions answered, pictures saved. Resolves with the exit status.
 */
import { hasCode } from '../lib/errors.ts';
import { newRunId } from '../lib/ids.ts';
import { isSystemError } from '../lib/system-error.ts';
import { displayedForms } from '../protocol/display.ts';
import type { NumberedRunEvent, RunEvent } from '../protocol/run-event.ts';
import type { ApiClient, ExecuteRequest } from './api-client.ts';
import { type EndStatus, exitStatus, statusOfEnd } from './exit-status.ts';
import { ReadOnlyWatch, readOnlyNotice } from './read-only-notice.ts';
import { followRun } from './resumed-stream.ts';
import { LineReader, pumpStdin } from './run-input.ts';
import { MediaSink, runEventDocument } from './run-output.ts';
import type { Screen } from './screen.ts';

/** What to run and where. */
export interface RunSessionOptions {
  readonly client: ApiClient;
  readonly screen: Screen;
  readonly kernel: string;
  /** null: a run that is there already is shown, `attached`. */
  readonly request: ExecuteRequest | null;
  readonly attached?: AttachedRun;
  /** The folder that gets what a terminal can't show of values. */
  readonly saveMedia?: string | undefined;
  /** Null when it is not known yet; asked for when the limit has struck. */
  readonly memoryBytes: number | null;
  /** What the home may take; null = no limit, undefined = it is not known. */
  readonly homeBytes?: number | null;
  /** Aborts when the caller gives up; what becomes of the run is then the caller's affair. */
  readonly signal: AbortSignal;
}

/** A run that somebody else has started. */
export interface AttachedRun {
  /** Its id, the beginning of it, or its name. */
  readonly run: string;
  /** Only events with a higher number are shown. */
  readonly after: number;
  /** Whether standard input goes to it. */
  readonly sendsInput: boolean;
}

const newline = Buffer.from('\n');

/** Time that a program gets to end by itself after nobody reads its output any more. */
const interruptGraceMs = 2_000;

/** A run that waits for less is not worth a word. */
const waitingNoteMs = 500;

/** A run that is being shown. */
export class RunSession {
  readonly run: string;
  readonly #options: RunSessionOptions;
  readonly #media: MediaSink;
  readonly #ended = new AbortController();
  readonly #lines: LineReader;
  readonly #begunAt: number;
  readonly #readOnly = new ReadOnlyWatch();
  /** While it waits for the runs before it. */
  #waiting: Disposable | null = null;
  #last: number;
  /** Bytes of output so far; null: it is not known how many came before. */
  #position: number | null;

  constructor(options: RunSessionOptions) {
    this.#options = options;
    const { attached } = options;
    this.run = attached?.run ?? newRunId();
    this.#last = attached?.after ?? 0;
    this.#position = this.#last === 0 ? 0 : null;
    this.#begunAt = options.screen.io.clock.now();
    this.#media = new MediaSink(options.screen, options.saveMedia);
    this.#lines = new LineReader(options.screen.io.stdin, AbortSignal.any([options.signal, this.#ended.signal]));
  }

  /** Like Ctrl-C in the program's own terminal. Resolves with whether there was something to interrupt, or to wait for. */
  async interrupt(signal?: AbortSignal): Promise<boolean> {
    if (this.#waiting) {
      await this.#options.client.cancel(this.#options.kernel, this.run, 'SIGINT', signal);
      return true;
    }
    return await this.#options.client.interrupt(this.#options.kernel, this.run, signal);
  }

  /** Ends the run by force. */
  async kill(signal?: AbortSignal): Promise<void> {
    await this.#options.client.cancel(this.#options.kernel, this.run, 'SIGKILL', signal);
  }

  /** Runs to the end. Rejects with the session's signal's reason, an error of the API, or why output can't be shown. */
  async show(): Promise<number> {
    const { client, kernel, request, signal, screen } = this.#options;
    if (request) await client.execute(kernel, this.run, request, signal);
    const pump = this.#pump();
    try {
      return await this.#showEvents();
    } finally {
      this.#waiting?.[Symbol.dispose]();
      this.#ended.abort();
      const lost = await pump;
      if (lost !== null) await screen.note(lost);
    }
  }

  async #showEvents(): Promise<number> {
    const { client, kernel, signal } = this.#options;
    let unshown: { readonly error: unknown } | undefined;
    for await (const event of followRun({ client, kernel, run: this.run, after: this.#last, signal })) {
      try {
        const status = await this.#take(event);
        if (status !== null) return status;
      } catch (error) {
        unshown = { error };
        break;
      }
    }
    // Only now, since a run has one reader at a time. One that somebody else has started goes on.
    if (this.#options.request) await this.#stopUnread(this.#options.request);
    if (isSystemError(unshown?.error, 'EPIPE')) return exitStatus.brokenPipe;
    throw unshown?.error;
  }

  #pump(): Promise<string | null> {
    const { client, kernel, request, attached, screen, signal } = this.#options;
    const streamed = request ? request.mode === 'program' || request.mode === 'command' : attached?.sendsInput;
    if (!streamed) return Promise.resolve(null);
    return pumpStdin({
      client,
      kernel,
      run: this.run,
      input: screen.io.stdin,
      signal: AbortSignal.any([signal, this.#ended.signal]),
    });
  }

  /** Shows one event; the exit status after the last. */
  async #take(numbered: NumberedRunEvent): Promise<number | null> {
    const { screen } = this.#options;
    const { event, body } = numbered;
    this.#last = numbered.n;
    this.#waiting?.[Symbol.dispose]();
    this.#waiting = event.kind === 'queued' ? this.#waitBehind(event.behind) : null;
    if (event.kind === 'finished') return await this.#finish(numbered, event);
    if (event.kind === 'stderr' || event.kind === 'error') this.#readOnly.take(body);
    if (event.kind === 'dropped') await this.#noteDropped(event.upTo);
    else if (this.#position !== null) this.#position += body.length;
    if (screen.json) await screen.document(runEventDocument(numbered));
    if (event.kind === 'waiting-input') {
      await screen.result(event.prompt);
      void this.#answer(event.password);
    } else if (event.kind === 'display') {
      await this.#show(event, body);
    } else if (!screen.json && (event.kind === 'stdout' || event.kind === 'stderr')) {
      await screen.io[event.kind].write(body);
    } else if (!screen.json && event.kind === 'error') {
      await screen.io.stderr.write(body);
    }
    return null;
  }

  /** Tells people behind what the run waits, once that takes a while; disposed when it waits no longer. */
  #waitBehind(run: string): Disposable {
    const { io } = this.#options.screen;
    return io.clock.after(waitingNoteMs, () => {
      if (io.stderr.isTerminal) void this.#options.screen.note(`waiting behind run ${run}; Ctrl-C takes this one back`);
    });
  }

  /** The text of a value on standard output; its other forms are saved where the caller wants them. */
  async #show({ forms, omitted }: RunEvent & { kind: 'display' }, body: Uint8Array): Promise<void> {
    const { screen, saveMedia } = this.#options;
    const displayed = displayedForms(forms, body);
    const text = displayed.find(({ type }) => type === 'text/plain');
    if (!screen.json && text) await screen.io.stdout.write(Buffer.concat([text.body, newline]));
    const others = displayed.filter(({ type }) => type !== 'text/plain');
    if (!screen.json || saveMedia !== undefined) await this.#media.take(others, omitted);
  }

  /** Output is gone that nobody read in time. */
  async #noteDropped(upTo: number): Promise<void> {
    const { screen } = this.#options;
    const bytes = this.#position === null ? 'some' : `${(upTo - this.#position).toLocaleString('en-US')} bytes of`;
    this.#position = upTo;
    if (!screen.json) await screen.note(`${bytes} output before this was not kept`);
  }

  /** Not waited for: the run may end while a question is open. */
  async #answer(password: boolean): Promise<void> {
    const { client, kernel, screen, signal } = this.#options;
    try {
      const line = await this.#lines.next({ password });
      if (this.#ended.signal.aborted || signal.aborted) return;
      if (password && screen.io.stdin.isTerminal) await screen.result('\n');
      await client.input(kernel, this.run, line, signal);
    } catch (error) {
      if (this.#ended.signal.aborted || signal.aborted) return;
      await screen.note(`the answer did not arrive: ${error instanceof Error ? error.message : String(error)}`);
      // It would wait for ever for an end that an older runner cannot report to it.
      if (hasCode(error, 'NOT_SUPPORTED')) await this.interrupt().catch(() => {});
    }
  }

  async #finish(numbered: NumberedRunEvent, event: RunEvent & { kind: 'finished' }): Promise<number> {
    const { screen, request } = this.#options;
    const end = await this.#explain({
      exitCode: event.exitCode,
      reason: event.reason,
      timeoutMs: request?.timeoutMs ?? null,
      memoryBytes: this.#options.memoryBytes,
    });
    await screen.document({ ...runEventDocument(numbered), status: end.status });
    if (end.line !== null) await screen.note(end.line);
    else if (end.status !== 0 && this.#readOnly.seen && (await this.#isReadOnly())) await screen.note(readOnlyNotice);
    else if (end.status !== 0) await this.#noteDisk();
    return end.status;
  }

  /** A program that fails may not say that it is for want of space. */
  async #noteDisk(): Promise<void> {
    const { client, kernel, homeBytes, screen } = this.#options;
    if (homeBytes === null) return;
    const view = await client.inspect(kernel).catch(() => null);
    const disk = view?.usage?.overuse.find(({ kind, lastAt }) => kind === 'disk' && lastAt >= this.#begunAt);
    if (disk) await screen.note(disk.detail);
  }

  /** The end as the runner reports it; what only the kernel knows (its limit, why it ended) is asked for when it matters. */
  async #explain(end: Parameters<typeof statusOfEnd>[0]): Promise<EndStatus> {
    const asks = end.reason === 'kernel-ended' || (end.reason === 'memory-limit' && end.memoryBytes === null);
    if (!asks) return statusOfEnd(end);
    const view = await this.#options.client.inspect(this.#options.kernel).catch(() => null);
    const memoryBytes = end.memoryBytes ?? view?.limits.memoryBytes ?? null;
    const termination = view?.termination ?? null;
    if (end.reason === 'memory-limit' || termination?.reason === 'out-of-memory') {
      return statusOfEnd({ ...end, reason: 'memory-limit', memoryBytes });
    }
    const { status, line } = statusOfEnd(end);
    return { status, line: termination ? `${line}: ${termination.detail}` : line };
  }

  async #isReadOnly(): Promise<boolean> {
    return (await this.#options.client.inspect(this.#options.kernel).catch(() => null))?.readOnlyRoot === true;
  }

  /** The output goes nowhere any more: the program is stopped, as SIGPIPE would stop it. */
  async #stopUnread(request: ExecuteRequest): Promise<void> {
    const { client, kernel, signal } = this.#options;
    const gentle = request.mode === 'query';
    const graceSignal = AbortSignal.any([signal, AbortSignal.timeout(interruptGraceMs)]);
    await (gentle ? this.interrupt(graceSignal) : this.kill(graceSignal)).catch(() => {});
    try {
      // What was printed meanwhile is taken and dropped, so that the program isn't held up by it.
      for await (const { event } of followRun({
        client,
        kernel,
        run: this.run,
        after: this.#last,
        signal: graceSignal,
      })) {
        if (event.kind === 'finished') return;
      }
    } catch {
      if (gentle) await this.kill(AbortSignal.timeout(interruptGraceMs)).catch(() => {});
    }
  }
}
