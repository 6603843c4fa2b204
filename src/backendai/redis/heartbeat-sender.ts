/**
 * The heartbeat (spec cluster-state 5.1, 5.2): from start to start at a steady interval, over a connection of its own,
 * made of what is known at that moment. It waits for nothing but Redis, never overlaps and is never queued.
 */
import { addAbortListener } from 'node:events';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { EventWriter } from './event-stream.ts';
import { heartbeatRetryMs } from './retry.ts';

/** What heartbeats say, how often, and over which connection. */
export interface HeartbeatOptions {
  readonly writer: EventWriter;
  readonly agentId: string;
  /** 20 s in 24.09; a manager that has had none for 40 s takes the agent for lost. */
  readonly intervalMs: number;
  /**
   * The encoded arguments, made of what is known: it must not wait for anything. A throw costs that beat and is logged;
   * the last good arguments are sent again instead.
   */
  readonly args: () => Uint8Array;
  /** Called after every beat that has reached the server. */
  readonly onSent?: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long one beat may take; a server that takes five seconds is served. */
const timeoutMs = 8_000;

/** Sends the heartbeats of one agent. */
export class HeartbeatSender {
  readonly #options: HeartbeatOptions;
  #last: Uint8Array | null = null;
  #hurry: (() => void) | null = null;
  #hurried = false;
  #failing = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Sends one at once, since something in it has changed; the interval begins anew. */
  sendNow(): void {
    this.#hurried = true;
    this.#hurry?.();
  }

  /** Sends until the signal aborts; resolves then. The first one goes at once. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#options;
    while (!signal.aborted) {
      const begun = clock.monotonic();
      this.#hurried = false;
      const sent = await this.#beat();
      const pause = sent ? intervalMs : Math.min(heartbeatRetryMs, intervalMs);
      await this.#rest(begun + pause - clock.monotonic(), signal);
    }
  }

  async #beat(): Promise<boolean> {
    const { writer, agentId, log } = this.#options;
    const args = this.#compose();
    if (!args) return false;
    try {
      await writer.add({ name: 'agent_heartbeat', source: agentId, args }, timeoutMs);
      if (this.#failing) log.info('heartbeats are sent again');
      this.#failing = false;
      this.#options.onSent?.();
      return true;
    } catch (error) {
      if (!this.#failing) log.warn('a heartbeat could not be sent; trying again', { error });
      this.#failing = true;
      return false;
    }
  }

  #compose(): Uint8Array | null {
    try {
      this.#last = this.#options.args();
    } catch (error) {
      this.#options.log.error('a heartbeat could not be composed; the last one is sent again', { error });
    }
    return this.#last;
  }

  async #rest(pauseMs: number, signal: AbortSignal): Promise<void> {
    if (this.#hurried || pauseMs <= 0) return;
    const over = new AbortController();
    using _listener = addAbortListener(signal, () => over.abort());
    this.#hurry = () => over.abort();
    await sleep(this.#options.clock, pauseMs, over.signal).catch(() => {});
    this.#hurry = null;
  }
}
