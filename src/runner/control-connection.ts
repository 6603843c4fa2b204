/** The agent's control connection: requests and their replies, and the events of the runs that it is attached to. */
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import {
  type AgentFrameHeader,
  type RunnerError,
  type RunnerErrorCode,
  runnerErrorCodes,
} from '../protocol/runner-messages.ts';
import type { FrameSocket } from './frame-socket.ts';
import type { Run } from './run.ts';
import type { Runs } from './runs.ts';

/** Answers one request; the body is that of its frame. */
export type RequestHandler = (
  request: Extract<AgentFrameHeader, { t: 'request' }>,
  body: Uint8Array,
) => Promise<unknown>;

const maxAttachments = 512;
/** Room for the rest of a reply's head. */
const maxResult = 500 * 1024;

/** The connection. */
export class ControlConnection {
  readonly #socket: FrameSocket;
  readonly #runs: Runs;
  readonly #handle: RequestHandler;
  /** The number of the event that each attached run's reader was sent last. */
  readonly #sent = new Map<RunId, number>();

  constructor(socket: FrameSocket, runs: Runs, handle: RequestHandler) {
    this.#socket = socket;
    this.#runs = runs;
    this.#handle = handle;
    socket.onFrame((head, body) => this.#receive(head, body));
    socket.onDrain(() => this.#pumpAll());
  }

  get socket(): FrameSocket {
    return this.#socket;
  }

  /** Sends what is new of a run, if it is attached and the peer keeps up. */
  pump(run: Run): void {
    let sent = this.#sent.get(run.id);
    if (sent === undefined) return;
    while (!this.#socket.busy) {
      const next = run.replay.next(sent);
      if (!next) break;
      this.#socket.send({ t: 'event', run: run.id, n: next.n, event: next.event }, next.body);
      sent = next.n;
      this.#sent.set(run.id, sent);
    }
  }

  #pumpAll(): void {
    for (const id of this.#sent.keys()) {
      const run = this.#find(id);
      if (run) this.pump(run);
      else this.#sent.delete(id);
    }
  }

  #receive(head: AgentFrameHeader, body: Uint8Array): void {
    switch (head.t) {
      case 'ack':
        this.#runs.acknowledge(head.run, head.n);
        return;
      case 'attach': {
        const run = this.#find(head.run);
        if (!run) return;
        if (this.#sent.size >= maxAttachments) {
          this.#socket.close('too many attachments');
          return;
        }
        this.#sent.set(head.run, head.after);
        this.pump(run);
        return;
      }
      case 'detach':
        this.#sent.delete(head.run);
        return;
      case 'request':
        void this.#answer(head, body);
        return;
      case 'hello':
      case 'data':
      case 'end':
        this.#socket.close(`a ${head.t} frame means nothing here`);
    }
  }

  async #answer(request: Extract<AgentFrameHeader, { t: 'request' }>, body: Uint8Array): Promise<void> {
    try {
      const result = await this.#handle(request, body);
      if (JSON.stringify(result ?? null).length > maxResult) {
        throw new KerneletError('FILE_ERROR', 'the answer is too long for one reply; ask for less at once');
      }
      this.#socket.send({ t: 'reply', id: request.id, ok: true, result });
    } catch (error) {
      this.#socket.send({ t: 'reply', id: request.id, ok: false, error: toRunnerError(error) });
    }
  }

  #find(id: RunId): Run | null {
    try {
      return this.#runs.get(id);
    } catch {
      return null;
    }
  }
}

const isRunnerErrorCode = (code: string): code is RunnerErrorCode => runnerErrorCodes.some((known) => known === code);

/** Whatever was thrown, as a reply says it. */
export function toRunnerError(thrown: unknown): RunnerError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof KerneletError && isRunnerErrorCode(thrown.code) ? thrown.code : 'INTERNAL';
  return { code, message };
}
