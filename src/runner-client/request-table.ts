/**
 * The requests of one runner that have no reply yet. A request outlives its connection: it is sent again on the next
 * one when doing it twice does no harm, and fails with CONNECTION_LOST when it might (input would be typed twice).
 */
import { addAbortListener } from 'node:events';
import { KerneletError } from '../lib/errors.ts';
import type { AgentFrameHeader, RunnerMethod, RunnerRequest } from '../protocol/agent-frames.ts';
import { maxBodyBytes } from '../protocol/frame.ts';
import type { RunnerFrameHeader } from '../protocol/runner-frames.ts';
import { assertSendable } from './message-guards.ts';
import { connectionLost, fromRunner } from './runner-errors.ts';

/** Puts a frame on the wire. */
export type SendFrame = (header: AgentFrameHeader, body?: Uint8Array) => void;

/** Requests that may be pending, and bytes of their bodies. */
const maxPending = 1024;
const maxBufferedBytes = 32 * 1024 * 1024;

/** Methods that do the same when they arrive twice. */
const repeatable: ReadonlySet<RunnerMethod> = new Set([
  'execute',
  'complete',
  'list-files',
  'listening-ports',
  'stat-file',
  'apps',
  'create-context',
  'contexts',
  'ping',
  'cancel',
  'forget',
  'shutdown',
]);

interface Pending {
  readonly request: RunnerRequest;
  readonly body: Uint8Array | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: unknown) => void;
  /** Waits for the caller's abort. */
  readonly listener: Disposable;
  sent: boolean;
}

/** The requests of one runner that wait for their replies, within a bound of number and bytes. */
export class RequestTable {
  readonly #pending = new Map<number, Pending>();
  #send: SendFrame | null = null;
  #nextId = 1;
  #bodyBytes = 0;
  #orphanedReplies = 0;

  /** How many requests wait for their reply. */
  get size(): number {
    return this.#pending.size;
  }

  /** Replies to no request: late ones after a cancellation, or invented ones. */
  get orphanedReplies(): number {
    return this.#orphanedReplies;
  }

  /**
   * Sends a request, now or when there is a connection, and resolves with the raw result of its reply. Rejects with the
   * runner's code, the signal's reason, CONNECTION_LOST, OVERLOADED when too much is pending, INVALID_ARGUMENT for what
   * the runner would not take, or what `fail` says.
   */
  async add(request: RunnerRequest, options: { signal: AbortSignal; body?: Uint8Array | undefined }): Promise<unknown> {
    const { signal, body } = options;
    const size = body?.length ?? 0;
    signal.throwIfAborted();
    assertSendable(request);
    if (size > maxBodyBytes) {
      const text = `the body of the request ${request.method} has ${size} bytes; at most ${maxBodyBytes} go at once`;
      throw new KerneletError('INVALID_ARGUMENT', text);
    }
    if (this.#pending.size >= maxPending || this.#bodyBytes + size > maxBufferedBytes) {
      const text = `the kernel's runner has not answered ${this.#pending.size} requests`;
      throw new KerneletError('OVERLOADED', text);
    }
    return await new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const listener = addAbortListener(signal, () => this.#take(id)?.reject(signal.reason));
      const pending: Pending = { request, body, resolve, reject, listener, sent: false };
      this.#pending.set(id, pending);
      this.#bodyBytes += size;
      this.#transmit(id, pending);
    });
  }

  /** Takes a reply; whether it answers anything. One that does not is counted. */
  settle(reply: Extract<RunnerFrameHeader, { t: 'reply' }>): boolean {
    const pending = this.#take(reply.id);
    if (!pending) this.#orphanedReplies += 1;
    else if (reply.ok) pending.resolve(reply.result);
    else pending.reject(fromRunner(reply.error));
    return pending !== undefined;
  }

  /** There is a connection: everything that waits is sent in the order in which it was asked. */
  connected(send: SendFrame): void {
    this.#send = send;
    for (const [id, pending] of this.#pending) this.#transmit(id, pending);
  }

  /** The connection is gone: what was sent and must not be sent twice fails, the rest waits. */
  disconnected(): void {
    this.#send = null;
    for (const [id, pending] of [...this.#pending]) {
      if (!pending.sent) continue;
      if (repeatable.has(pending.request.method)) pending.sent = false;
      else this.#take(id)?.reject(connectionLost(`broke while the request ${pending.request.method} was under way`));
    }
  }

  /** Callers no longer wait for their replies, and learn why; only whether the runner is there is still asked. */
  unanswered(error: KerneletError): void {
    for (const [id, { request }] of [...this.#pending]) if (request.method !== 'ping') this.#take(id)?.reject(error);
  }

  /** Everything pending fails with this error. */
  fail(error: KerneletError): void {
    this.#send = null;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #transmit(id: number, pending: Pending): void {
    if (!this.#send || pending.sent) return;
    try {
      this.#send({ t: 'request', id, ...pending.request }, pending.body);
      pending.sent = true;
    } catch (cause) {
      const text = `the request ${pending.request.method} is too long for the kernel's runner`;
      this.#take(id)?.reject(new KerneletError('INVALID_ARGUMENT', text, { cause }));
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    this.#pending.delete(id);
    this.#bodyBytes -= pending.body?.length ?? 0;
    pending.listener[Symbol.dispose]();
    return pending;
  }
}
