/**
 * Notifies a service manager (spec config-and-ops 11.2, 14; sd_notify(3)): that the daemon serves, reloads and stops, how it
 * is, and that it is alive. Without `$NOTIFY_SOCKET` there is nobody to notify.
 */
import type { AgentPhase } from '../agent/agent.ts';
import type { Degradation } from '../agent/degradation.ts';
import { checkHealth, type HealthCheck, type ServedNode } from '../agent/node.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { hasCode, toKerneletError } from '../lib/errors.ts';
import { version } from '../lib/installation.ts';
import type { Logger } from '../lib/log.ts';
import { runPeriodically } from '../lib/retry.ts';
import type { NotifySocket } from './notify-socket.ts';

/** Whom to notify, and how often that must be. */
export interface ServiceManagerOptions {
  readonly socket: NotifySocket;
  /** null: nobody waits for signs of life. */
  readonly watchdogMs: number | null;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is reported of a node. */
export type ReportedNode = Pick<ServedNode, 'dependencies'> & { readonly agent: Pick<ServedNode['agent'], 'status'> };

const statusPauseMs = 10_000;
/** A start and a stop ask for so much time, again and again before it is over. */
const extensionMs = 30_000;
const extensionPauseMs = 10_000;
/** A stop that has not ended by then hangs. */
const maxStopMs = 120_000;
/** A message that counts is sent again so often while the service manager is behind. */
const attempts = 20;
const attemptPauseMs = 50;
const maxReason = 500;
/** The event loop is responsive when a turn takes no longer. */
const maxTurnMs = 1_000;
const maxProbeMs = 3_000;

/** The notifications. They begin with the start, which takes its time. Disposing ends them without another. */
export class ServiceManager implements AsyncDisposable {
  readonly #options: ServiceManagerOptions;
  readonly #jobs: Promise<void>[] = [];
  /** Aborts when the phase ends. */
  #phase = new AbortController();
  #node: ReportedNode | null = null;
  #status = '';
  #stopping = false;
  #complained = false;

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
    this.#send('STATUS=starting');
    this.#askForTime();
    this.#every('asking for time to start', extensionPauseMs, async () => this.#askForTime());
  }

  /** The daemon serves this node. */
  ready(node: ReportedNode): void {
    if (this.#stopping || this.#node) return;
    this.#enter();
    this.#node = node;
    this.#jobs.push(this.#retryForever('READY=1'));
    const { watchdogMs } = this.#options;
    if (watchdogMs !== null) this.#beat(node, watchdogMs);
    const report = () => this.#reportStatus(node);
    this.#every('reporting the status to the service manager', statusPauseMs, report, { atOnce: true });
  }

  /** Runs a reload; before the daemon is ready nobody has asked for it by way of the service manager. */
  async reloading(reload: () => Promise<void>): Promise<void> {
    if (this.#node === null || this.#stopping) return await reload();
    await this.#retryForever(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    try {
      await reload();
    } finally {
      if (!this.#stopping) await this.#retryForever('READY=1');
    }
  }

  /** The stop has begun: the service manager is asked for time until `maxStopMs` have passed. */
  stopping(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#enter();
    const { clock } = this.#options;
    const until = clock.monotonic() + maxStopMs;
    this.#jobs.push(this.#retryForever('STOPPING=1\nSTATUS=stopping'));
    this.#askForTime();
    this.#every('asking for time to stop', extensionPauseMs, async () => {
      if (clock.monotonic() < until) this.#askForTime();
    });
  }

  /** The daemon ends for this reason, which stays to be read. */
  failed(thrown: unknown): void {
    const { code, message } = toKerneletError(thrown).toDocument();
    this.#enter();
    this.#stopping = true;
    this.#send(`STATUS=${code}: ${message.replace(/\s+/g, ' ').slice(0, maxReason)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#phase.abort();
    await Promise.all(this.#jobs);
    this.#options.socket[Symbol.dispose]();
  }

  #enter(): void {
    this.#phase.abort();
    this.#phase = new AbortController();
  }

  /** Goes on until the next of start, service and stop. */
  #every(
    name: string,
    pauseMs: number,
    round: (signal: AbortSignal) => Promise<void>,
    { atOnce = false }: { atOnce?: boolean } = {},
  ): void {
    const { clock, log } = this.#options;
    const { signal } = this.#phase;
    const first = atOnce ? round(signal).catch((error: unknown) => log.warn(`${name} failed`, { error })) : null;
    const later = async (): Promise<void> => {
      await first;
      await runPeriodically({ name, pauseMs, round }, clock, log, signal);
    };
    this.#jobs.push(later());
  }

  #askForTime(): void {
    this.#send(`EXTEND_TIMEOUT_USEC=${extensionMs * 1000}`);
  }

  /** Signs of life, at half of what the service manager waits for, as long as this process and its engine are fit for work. */
  #beat(node: ReportedNode, watchdogMs: number): void {
    const { clock } = this.#options;
    const half = watchdogMs / 2;
    const timeoutMs = Math.min(maxProbeMs, half / 2);
    let answered = Number.NEGATIVE_INFINITY;
    const look = async (signal: AbortSignal): Promise<void> => {
      const options = { what: "the engine's answer", timeoutMs, signal, clock };
      await withDeadline(options, (deadline) => node.dependencies['container-engine'](deadline.signal)).catch(
        (error: unknown) => {
          // Another engine answers too, and a new start of the daemon would not bring back the right one.
          if (!hasCode(error, 'ENGINE_CHANGED')) throw error;
        },
      );
      answered = clock.monotonic();
    };
    this.#every('reporting to the service manager that the daemon is alive', half, async (signal) => {
      // Why the engine does not answer is in the status.
      await look(signal).catch(() => {});
      if (clock.monotonic() - answered > watchdogMs) return;
      await this.#untilResponsive(signal);
      this.#send('WATCHDOG=1');
    });
  }

  async #untilResponsive(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let turnMs = Number.POSITIVE_INFINITY; turnMs > maxTurnMs; ) {
      const begun = clock.monotonic();
      await sleep(clock, 0, signal);
      turnMs = clock.monotonic() - begun;
    }
  }

  async #reportStatus({ agent, dependencies }: ReportedNode): Promise<void> {
    const [{ phase, kernels, degraded }, health] = await Promise.all([
      agent.status(),
      checkHealth(version, dependencies, this.#options.clock),
    ]);
    const status = statusLine({ phase, kernels, degraded, checks: health.checks });
    if (status === this.#status || this.#stopping) return;
    if (this.#send(`STATUS=${status}`)) this.#status = status;
  }

  /** Sends what must not be lost: again while the service manager is behind, within a bound. */
  async #retryForever(text: string): Promise<void> {
    for (let attempt = 1; attempt < attempts; attempt += 1) {
      if (this.#send(text)) return;
      await sleep(this.#options.clock, attemptPauseMs);
    }
    this.#send(text);
  }

  /** Says whether there is nothing more to do about it. */
  #send(text: string): boolean {
    const sent = this.#options.socket.send(text);
    if (sent === 'full') return false;
    if (sent !== 'sent' && !this.#complained) {
      this.#complained = true;
      this.#options.log.warn('cannot notify the service manager', { reason: sent.failure });
    }
    return true;
  }
}

/** What the service manager has put into the environment: where it listens, and how long it waits for a sign of life. */
export async function serviceManagerOf(
  environ: Readonly<Record<string, string | undefined>>,
  { clock, log }: Pick<ServiceManagerOptions, 'clock' | 'log'>,
): Promise<ServiceManager | null> {
  const address = environ['NOTIFY_SOCKET'];
  if (!address) return null;
  try {
    const { openNotifySocket } = await import('./notify-socket.ts');
    return new ServiceManager({ socket: openNotifySocket(address), watchdogMs: watchdogOf(environ), clock, log });
  } catch (thrown) {
    log.warn('cannot notify the service manager', { error: toKerneletError(thrown) });
    return null;
  }
}

/** In milliseconds; null: none is set, or it is another process's. */
function watchdogOf({ WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid }: Readonly<Record<string, string | undefined>>) {
  if (pid && Number(pid) !== process.pid) return null;
  const milliseconds = Number(microseconds) / 1000;
  return Number.isFinite(milliseconds) && milliseconds > 0 ? milliseconds : null;
}

/** What it is made of. */
interface DaemonState {
  readonly phase: AgentPhase;
  readonly kernels: number;
  readonly degraded: readonly Pick<Degradation, 'mode'>[];
  readonly checks: readonly HealthCheck[];
}

/** `2 kernels; container-engine, store answer; queue does not answer; degraded: disk`. */
export function statusLine({ phase, kernels, degraded, checks }: DaemonState): string {
  const names = (are: boolean): string =>
    checks
      .filter(({ problem }) => (problem === null) === are)
      .map(({ service }) => service)
      .join(', ');
  const [fine, failing] = [names(true), names(false)];
  const verb = (list: string, one: string, many: string): string => `${list} ${list.includes(',') ? many : one}`;
  return [
    ...(phase === 'ready' ? [] : [phase]),
    `${kernels} ${kernels === 1 ? 'kernel' : 'kernels'}`,
    ...(fine === '' ? [] : [verb(fine, 'answers', 'answer')]),
    ...(failing === '' ? [] : [verb(failing, 'does not answer', 'do not answer')]),
    ...(degraded.length === 0 ? [] : [`degraded: ${degraded.map(({ mode }) => mode).join(', ')}`]),
  ].join('; ');
}
