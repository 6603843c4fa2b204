/** The process of a service: its output goes to the container's log, and its last words are kept for an error. */
import type { Clock } from '../../lib/clock.ts';
import { sleep } from '../../lib/clock.ts';
import type { TenantCommand } from '../runtime.ts';
import type { RunningCommand, Tenant } from '../tenant.ts';
import type { ExitFacts } from '../tenant-process.ts';

const keptBytes = 2048;
const keptLines = 5;
const stopGraceMs = 10_000;
const afterKillMs = 2000;

/** A service's process. */
export class ServiceProcess {
  readonly #running: RunningCommand;
  readonly #clock: Clock;
  readonly #words: { text: string };
  #ended: ExitFacts | null = null;
  /** Resolves when it has ended, or could not be started. */
  readonly exited: Promise<ExitFacts>;

  private constructor(running: RunningCommand, words: { text: string }, tenant: Tenant, clock: Clock) {
    this.#running = running;
    this.#words = words;
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
    const words = { text: '' };
    const stdout = (bytes: Uint8Array): true => {
      tenant.log.copy(bytes);
      return true;
    };
    const stderr = (bytes: Uint8Array): true => {
      words.text = (words.text + Buffer.from(bytes).toString('utf8')).slice(-keptBytes);
      return stdout(bytes);
    };
    const running = await tenant.run(command, { stdin: null, stdout, stderr });
    return new ServiceProcess(running, words, tenant, clock);
  }

  /** How it ended; null = it has not. */
  get ended(): ExitFacts | null {
    return this.#ended;
  }

  /** The end of its standard error, on one line. */
  get lastWords(): string {
    const lines = this.#words.text.split('\n').map((line) => line.trim());
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
