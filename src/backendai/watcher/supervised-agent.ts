/**
 * The agent as a process of the watcher's own, where systemd does not run it: started with the watcher and ended with it, and
 * started again when it ends by itself, by the rules of its unit (`docs/how-to/kernelet.service`). One that outlived a watcher
 * that was killed is taken over.
 */
import { connect } from 'node:net';
import { type Clock, sleep, type Timer } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { LogFields, Logger } from '../../lib/log.ts';
import { Backoff } from '../../lib/retry.ts';
import type { AgentControl, AgentStatus } from './agent-control.ts';
import type { AgentProcess, ProcessEnd } from './agent-process.ts';

/** What the supervisor works with. */
export interface SupervisedAgentParts {
  /** Starts a process. Throws the system's error. */
  readonly start: () => Promise<AgentProcess>;
  /** The one that is there already, if there is one. */
  readonly find: () => Promise<AgentProcess | null>;
  /** The socket at which it answers when it is ready. */
  readonly socketPath: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const backoffMs = { initialMs: 1_000, maximumMs: 30_000 };
/** A process that lived so long was started well: the pauses begin again. */
const steadyMs = 60_000;
const askMs = 200;
/** One that does not end by then is killed. */
const killMs = 60_000;
/** 0 is a stop that was asked for; with a configuration or a command line that is refused (1, 2) another start is no help. */
const finalStatuses: readonly ProcessEnd[] = [0, 1, 2];

interface Running {
  readonly process: AgentProcess;
  readonly startedAt: number;
  /** Null until it answers; in milliseconds since the epoch. */
  activeSince: number | null;
  isStopping: boolean;
}

export class SupervisedAgent implements AgentControl {
  readonly #parts: SupervisedAgentParts;
  readonly #backoff: Backoff;
  #running: Running | null = null;
  #launching: Promise<Running> | null = null;
  #isWanted = false;
  #next: Timer | null = null;
  #restarts = 0;
  #lastExit: ProcessEnd = null;

  constructor(parts: SupervisedAgentParts) {
    this.#parts = parts;
    this.#backoff = new Backoff({ ...backoffMs, clock: parts.clock });
  }

  async status(): Promise<AgentStatus> {
    return {
      ...this.#state(),
      pid: this.#running?.process.pid ?? null,
      restarts: this.#restarts,
      lastExit: this.#lastExit,
      activeSince: this.#running?.activeSince ?? null,
    };
  }

  /** Resolves when it answers at its socket. */
  async start(timeoutMs: number): Promise<void> {
    this.#isWanted = true;
    this.#backoff.reset();
    if (this.#running?.isStopping) throw failed('it is still stopping');
    const running = await this.#launch().catch((cause: unknown) => {
      this.#again({ error: cause });
      throw failed(`it could not be started: ${cause}`);
    });
    await this.#within('the start of the agent', timeoutMs, async (signal) => {
      while (running.activeSince === null) {
        if (this.#running !== running) throw failed(`it ended with ${this.#lastExit}, see its log`);
        await sleep(this.#parts.clock, askMs, signal);
      }
    });
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#isWanted = false;
    this.#next?.[Symbol.dispose]();
    this.#next = null;
    await this.#launching?.catch(() => {});
    const running = this.#running;
    if (running === null) return;
    const { process } = running;
    if (!running.isStopping) {
      running.isStopping = true;
      process.signal('SIGTERM');
      const kill = this.#parts.clock.after(killMs, () => process.signal('SIGKILL'));
      void process.ended.then(() => kill[Symbol.dispose]());
    }
    await this.#within('the stop of the agent', timeoutMs, () => process.ended);
  }

  async restart(timeoutMs: number): Promise<void> {
    const begun = this.#parts.clock.monotonic();
    await this.stop(timeoutMs);
    await this.start(timeoutMs - (this.#parts.clock.monotonic() - begun));
  }

  async reload(): Promise<void> {
    if (this.#running === null) throw failed('it does not run');
    this.#running.process.signal('SIGHUP');
  }

  /** Ends it, for which it has a minute. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(killMs + backoffMs.initialMs).catch((error: unknown) => {
      this.#parts.log.error('the agent could not be ended', { error });
    });
  }

  #state(): Pick<AgentStatus, 'state' | 'subState'> {
    if (this.#running?.isStopping) return { state: 'deactivating', subState: 'stop-sigterm' };
    if (this.#running?.activeSince) return { state: 'active', subState: 'running' };
    if (this.#running || this.#launching) return { state: 'activating', subState: 'start' };
    if (this.#next) return { state: 'activating', subState: 'auto-restart' };
    // One that was told to end by somebody else is well.
    const hasFailed = this.#isWanted && this.#lastExit !== 0;
    return hasFailed ? { state: 'failed', subState: 'failed' } : { state: 'inactive', subState: 'dead' };
  }

  /** The process that runs, or one that is started: once, however many ask. Throws the system's error. */
  async #launch(): Promise<Running> {
    if (this.#running) return this.#running;
    this.#launching ??= this.#begin().finally(() => {
      this.#launching = null;
    });
    return await this.#launching;
  }

  async #begin(): Promise<Running> {
    const { clock, log, start, find } = this.#parts;
    this.#next?.[Symbol.dispose]();
    this.#next = null;
    const there = await find();
    const process = there ?? (await start());
    log.info(there ? 'the agent runs already, and is taken over' : 'the agent is started', { pid: process.pid });
    const running: Running = { process, startedAt: clock.monotonic(), activeSince: null, isStopping: false };
    this.#running = running;
    void process.ended.then((end) => this.#ended(running, end));
    void this.#watch(running);
    return running;
  }

  /** Asks until it answers or has ended. Never rejects. */
  async #watch(running: Running): Promise<void> {
    const { clock, socketPath } = this.#parts;
    while (this.#running === running && running.activeSince === null) {
      if (await answers(socketPath)) running.activeSince = clock.now();
      else await sleep(clock, askMs);
    }
  }

  #ended(running: Running, end: ProcessEnd): void {
    const { clock, log } = this.#parts;
    this.#running = null;
    this.#lastExit = end;
    if (!this.#isWanted) return;
    if (finalStatuses.includes(end)) {
      log.error('the agent has ended and is not started again', { status: end });
      return;
    }
    if (clock.monotonic() - running.startedAt > steadyMs) this.#backoff.reset();
    this.#again({ end });
  }

  /** Starts it again after a pause, if it is to run. */
  #again(why: LogFields): void {
    if (!this.#isWanted || this.#next) return;
    const { clock, log } = this.#parts;
    const pauseMs = Math.round(this.#backoff.nextMs());
    log.warn('the agent does not run and is started again', { ...why, pauseMs });
    this.#next = clock.after(pauseMs, () => {
      this.#next = null;
      this.#restarts += 1;
      this.#launch().catch((error: unknown) => this.#again({ error }));
    });
  }

  async #within<T>(what: string, timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<void> {
    const { clock } = this.#parts;
    await withDeadline({ what, timeoutMs: Math.max(0, timeoutMs), clock }, ({ signal }) => work(signal));
  }
}

const failed = (why: string): KerneletError => new KerneletError('SERVICE_FAILED', `the agent: ${why}`);

/** Whether somebody takes a connection at the socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}
