/**
 * The process of a service, and the wait until its port is open. Its output goes to the container's log, and the end of its
 * standard error is kept for an error's text.
 */

import { connect } from 'node:net';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { TenantCommand } from '../runtime.ts';
import type { RunningCommand, Tenant } from '../tenant.ts';
import type { ExitFacts } from '../tenant-process.ts';

const keptBytes = 2048;
const keptLines = 5;
const stopGraceMs = 10_000;
const afterKillMs = 2000;

/** A running service; made by `start`, ended by `stop`. */
export class ServiceProcess {
  readonly #running: RunningCommand;
  readonly #clock: Clock;
  readonly #stderr: { text: string };
  #ended: ExitFacts | null = null;
  /** Resolves when it has ended, or could not be started. */
  readonly exited: Promise<ExitFacts>;

  private constructor(running: RunningCommand, stderr: { text: string }, tenant: Tenant, clock: Clock) {
    this.#running = running;
    this.#stderr = stderr;
    this.#clock = clock;
    this.exited = running.exited.then((facts) => {
      this.#ended = facts;
      running.stdout.drain();
      running.stderr.drain();
      tenant.adopt(running);
      return facts;
    });
  }

  /** Starts it with the tenant's ids. */
  static async start(command: TenantCommand, tenant: Tenant, clock: Clock): Promise<ServiceProcess> {
    const errors = { text: '' };
    const stdout = (bytes: Uint8Array): true => {
      tenant.log.copy(bytes);
      return true;
    };
    const stderr = (bytes: Uint8Array): true => {
      errors.text = (errors.text + Buffer.from(bytes).toString('utf8')).slice(-keptBytes);
      return stdout(bytes);
    };
    const running = await tenant.run(command, { stdin: null, stdout, stderr });
    return new ServiceProcess(running, errors, tenant, clock);
  }

  /** How it ended; null = it has not. */
  get ended(): ExitFacts | null {
    return this.#ended;
  }

  /** The end of its standard error, on one line. */
  get lastErrorLines(): string {
    const lines = this.#stderr.text.split('\n').map((line) => line.trim());
    return lines
      .filter((line) => line !== '')
      .slice(-keptLines)
      .join(' | ');
  }

  /** Ends its whole group, by force when it takes its time; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#running.signal('SIGTERM');
    this.#running.signal('SIGCONT');
    if (await this.#endsWithin(stopGraceMs)) return;
    this.#running.signal('SIGKILL');
    await this.#endsWithin(afterKillMs);
  }

  async #endsWithin(ms: number): Promise<boolean> {
    const enough = new AbortController();
    const ended = this.exited.then(() => true);
    const late = sleep(this.#clock, ms, enough.signal).then(
      () => false,
      () => false,
    );
    const inTime = await Promise.race([ended, late]);
    enough.abort();
    return inTime;
  }
}

/** Servers of little work are there within milliseconds. */
const firstPollMs = 5;
const maxPollMs = 50;

/**
 * Resolves with null when the port is open, else with why it will not be. A process that ends well may have left a
 * server in the background; one that ends otherwise is not waited for.
 */
export async function awaitPort(
  name: string,
  port: number,
  process: ServiceProcess,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<string | null> {
  const until = clock.monotonic() + timeoutMs;
  for (let pollMs = firstPollMs; clock.monotonic() < until; pollMs = Math.min(2 * pollMs, maxPollMs)) {
    if (await isPortOpen(port)) return null;
    const { ended } = process;
    if (ended?.notStarted != null) return ended.notStarted;
    if (ended && ended.exitCode !== 0) {
      const output = process.lastErrorLines;
      return `${name} ended with status ${ended.exitCode}${output === '' ? '' : `: ${output}`}`;
    }
    const enough = new AbortController();
    await Promise.race([sleep(clock, pollMs, enough.signal).catch(() => {}), ...(ended ? [] : [process.exited])]);
    enough.abort();
  }
  return `opening the service port timed out: ${name}`;
}

const probeTimeoutMs = 1000;

/** Connects to the loopback address and says whether somebody was there. */
export function isPortOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(probeTimeoutMs, () => answer(false));
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
