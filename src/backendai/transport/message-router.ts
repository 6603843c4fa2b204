/**
 * A listening socket that many peers talk to, each message with the id of its peer in front (ZeroMQ's ROUTER; spec rpc
 * 1, 2.1, 10). Sending never waits and never throws: a peer that is gone loses its reply, one that reads slowly has a
 * bounded line, and nobody else notices.
 */
import { type Clock, systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { systemErrorCode } from '../../lib/system-error.ts';
import { YieldBudget } from '../../lib/yield-budget.ts';
import { zapDomain } from '../wire/curve.ts';
import type { CurveKeys } from './curve-keys.ts';
import { startZapHandler } from './curve-keys.ts';
import { PeerBacklog } from './peer-backlog.ts';
import { type Context, loadZeromq, type Router, type Socket } from './zeromq.ts';

/** What to listen on, and for whom. */
export interface MessageRouterOptions {
  /** Host name, address or blank for all; port 0 takes a free one. */
  readonly address: { readonly host: string; readonly port: number };
  /** null: anybody may call, in plain text. */
  readonly curve: CurveKeys | null;
  /** A peer that sends a longer message is disconnected. */
  readonly maxMessageBytes: number;
  readonly log: Logger;
  readonly clock?: Clock;
}

const lingerMs = 100;
/** Replies that become ready together go out together: waking ZeroMQ's thread costs more than a message. */
const batchSize = 16;
/** How long messages may be read, or sent, at once while others wait for the event loop, in milliseconds. */
const shareMs = 2;
/** Replies that ZeroMQ holds for a peer; the backlog takes over above it. */
const sendHighWaterMark = 1000;
const backlogLimits = { peerBytes: 64 * 1024 * 1024, totalBytes: 256 * 1024 * 1024 };
const backlogRetryMs = 5;
/** From one line of the log to the next of the same kind: there may be thousands of failures in a second. */
const logPauseMs = 10_000;
/** Half-open connections end after about a minute and a half. */
const keepalive = { tcpKeepalive: 1, tcpKeepaliveIdle: 60, tcpKeepaliveInterval: 10, tcpKeepaliveCount: 3 };

/** A bound ROUTER socket, which holds what a peer does not read yet. */
export class MessageRouter implements AsyncDisposable {
  readonly #socket: Router;
  readonly #cleanups: AsyncDisposableStack;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #backlog = new PeerBacklog(backlogLimits);
  #outbox: (readonly Uint8Array[])[] = [];
  #sending = false;
  #retrying = false;
  #nextLogAt = Number.NEGATIVE_INFINITY;
  readonly #drainSoon = (): void => {
    if (!this.#sending) void this.#drain();
  };
  /** Replies that nobody got: their peers were gone or did not read. */
  dropped = 0;

  private constructor(socket: Router, cleanups: AsyncDisposableStack, options: MessageRouterOptions) {
    this.#socket = socket;
    this.#cleanups = cleanups;
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
  }

  /** Binds the socket; with CURVE, its guard is there first. Throws STATE_UNUSABLE when the address cannot be had. */
  static async bind(options: MessageRouterOptions): Promise<MessageRouter> {
    const { Context: ZeroMqContext, Router: RouterSocket } = loadZeromq();
    const { curve, address, log } = options;
    await using cleanups = new AsyncDisposableStack();
    const context: Context = new ZeroMqContext();
    if (curve) cleanups.use(await startZapHandler(context, curve.allowedKeys, log));
    const socket = new RouterSocket({
      context,
      linger: lingerMs,
      mandatory: true,
      sendTimeout: 0,
      sendHighWaterMark,
      maxMessageSize: options.maxMessageBytes,
      ipv6: address.host.includes(':'),
      ...keepalive,
      ...(curve ? { curveServer: true, curveSecretKey: curve.secretKey, zapDomain } : {}),
    });
    cleanups.defer(() => socket.close());
    cleanups.use(logHandshakeFailures(socket, log));
    const wanted = endpointOf(address);
    try {
      await socket.bind(wanted);
    } catch (cause) {
      const why = systemErrorCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
      // It may be had a moment later: a network that comes up, a process that goes, a name server that answers.
      throw new KerneletError('STATE_UNUSABLE', `agent.rpc-listen-addr: cannot listen on ${wanted}: ${why}`, { cause });
    }
    return new MessageRouter(socket, cleanups.move(), options);
  }

  /** Where it listens: `tcp://127.0.0.1:6001`. */
  get endpoint(): string {
    return this.#socket.lastEndpoint ?? '';
  }

  /** Hands over messages as they arrive, the peer's id first, until the socket is closed. `take` must not throw. */
  async read(take: (message: readonly Uint8Array[]) => void): Promise<void> {
    try {
      const budget = new YieldBudget({ workMs: shareMs });
      while (!this.#socket.closed) {
        take(await this.#socket.receive());
        if (budget.isSpent) await budget.yield();
      }
    } catch (error) {
      if (!this.#socket.closed) throw error;
    }
  }

  /** Sends to the peer whose id is the first frame. */
  send(message: readonly Uint8Array[]): void {
    this.#outbox.push(message);
    if (this.#sending) return;
    if (this.#outbox.length >= batchSize) void this.#drain();
    else if (this.#outbox.length === 1) setImmediate(this.#drainSoon);
  }

  /** Sends what waits, as far as peers take it within the linger, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanups.disposeAsync();
  }

  /** ZeroMQ takes one message at a time. */
  async #drain(): Promise<void> {
    this.#sending = true;
    const budget = new YieldBudget({ workMs: shareMs });
    while (this.#outbox.length > 0) {
      const batch = this.#outbox;
      this.#outbox = [];
      for (const message of batch) {
        const waits = this.#backlog.bytes > 0 && this.#backlog.has(peerOf(message));
        if (waits || (await this.#offer(message)) === 'full') this.#hold(peerOf(message), message);
        if (budget.isSpent) await budget.yield();
      }
    }
    this.#sending = false;
  }

  async #offer(message: readonly Uint8Array[]): Promise<'sent' | 'gone' | 'full'> {
    try {
      await this.#socket.send(message as Uint8Array[]);
      return 'sent';
    } catch (error) {
      if (systemErrorCode(error) === 'EAGAIN') return 'full';
      this.dropped += 1;
      if (systemErrorCode(error) !== 'EHOSTUNREACH') this.#log.debug('a reply could not be sent', { error });
      return 'gone';
    }
  }

  #hold(peer: string, message: readonly Uint8Array[]): void {
    if (!this.#backlog.add(peer, message)) {
      this.dropped += 1;
      this.#logDropped();
    }
    this.#retryIn(backlogRetryMs);
  }

  #logDropped(): void {
    const now = this.#clock.monotonic();
    if (now < this.#nextLogAt) return;
    this.#nextLogAt = now + logPauseMs;
    const context = { waiting: this.#backlog.bytes, dropped: this.dropped };
    this.#log.warn('a peer does not read its replies, and they are dropped', context);
  }

  #retryIn(delayMs: number): void {
    if (this.#retrying) return;
    this.#retrying = true;
    this.#clock.after(delayMs, () => void this.#retry()).unref();
  }

  async #retry(): Promise<void> {
    this.#retrying = false;
    if (this.#socket.closed) return;
    let goesOn = false;
    if (!this.#sending) {
      this.#sending = true;
      for (const peer of this.#backlog.peers) if (await this.#offerLine(peer)) goesOn = true;
      // Replies to others, which must not wait for the end of a long line; those to its peer go behind it.
      await this.#drain();
    }
    if (this.#backlog.bytes > 0) this.#retryIn(goesOn ? 0 : backlogRetryMs);
  }

  /** Sends of a peer's line for one share of time; answers whether the peer takes more. */
  async #offerLine(peer: string): Promise<boolean> {
    const budget = new YieldBudget({ workMs: shareMs });
    for (let message = this.#backlog.first(peer); message; message = this.#backlog.first(peer)) {
      const outcome = await this.#offer(message);
      if (outcome === 'full') return false;
      if (outcome === 'gone') this.#backlog.forget(peer);
      else this.#backlog.shift(peer);
      if (budget.isSpent) {
        await budget.yield();
        return true;
      }
    }
    return false;
  }
}

function peerOf(message: readonly Uint8Array[]): string {
  const [id] = message;
  return id ? Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1') : '';
}

function endpointOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = host === '' ? '*' : host.includes(':') ? `[${host}]` : host;
  return `tcp://${name}:${port === 0 ? '*' : port}`;
}

/** Logs peers that could not connect, until it is disposed of: one with the wrong mechanism tries again ten times a second. */
function logHandshakeFailures(socket: Socket, log: Logger, clock: Clock = systemClock): AsyncDisposable {
  const { events } = socket;
  let failures = 0;
  let nextLogAt = Number.NEGATIVE_INFINITY;
  const follow = async (): Promise<void> => {
    for await (const event of events) {
      if (!event.type.startsWith('handshake:error')) continue;
      failures += 1;
      if (clock.monotonic() < nextLogAt) continue;
      nextLogAt = clock.monotonic() + logPauseMs;
      log.warn('a peer could not connect: its key or its mechanism is not the expected one', {
        kind: event.type,
        failures,
      });
    }
  };
  const done = follow().catch((error: unknown) => {
    if (!events.closed) log.warn('events of the RPC socket can no longer be followed', { error });
  });
  return {
    async [Symbol.asyncDispose]() {
      events.close();
      await done;
    },
  };
}
