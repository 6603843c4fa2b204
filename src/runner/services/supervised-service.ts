/** A service of the runner's own with a process that is started again, with growing pauses, whenever it ends. */
import { type Clock, sleep } from '../../lib/clock.ts';
import type { ServiceOutcome } from '../../protocol/kernel-services.ts';
import type { TenantCommand } from '../runtime.ts';
import type { Tenant } from '../tenant.ts';
import { awaitPort, isPortOpen, ServiceProcess } from './service-process.ts';
import type { BuiltInService } from './services.ts';

const openTimeoutMs = 5000;
const firstPauseMs = 500;
const maxPauseMs = 60_000;
/** A process that lived so long had a good start. */
const goodLifeMs = 60_000;

/** What it is made of. */
export interface SupervisedServiceParts {
  readonly name: string;
  readonly port: number;
  /** Sets things up and says what to run. Rejects with why that cannot be. */
  command(): Promise<TenantCommand>;
  readonly tenant: Tenant;
  readonly clock: Clock;
}

/** Starts its process again, with growing pauses, as long as the service is wanted. */
export class SupervisedService implements BuiltInService {
  readonly #parts: SupervisedServiceParts;
  #process: ServiceProcess | null = null;
  /** Aborted when it is not wanted any more; null = it is not wanted. */
  #wanted: AbortController | null = null;

  constructor(parts: SupervisedServiceParts) {
    this.#parts = parts;
  }

  async start(): Promise<ServiceOutcome> {
    if (this.#wanted) return { status: 'running' };
    const wanted = new AbortController();
    this.#wanted = wanted;
    const { name, port, clock } = this.#parts;
    try {
      // Somebody else's server would pass for this one.
      if (await isPortOpen(port)) throw new Error(`port ${port} is in use by another program`);
      const process = await this.#begin();
      const failure = await awaitPort(name, port, process, { clock, timeoutMs: openTimeoutMs });
      if (failure !== null) throw new Error(failure);
      if (wanted.signal.aborted) throw new Error(`${name} was stopped while it started`);
      void this.#keep(process, wanted.signal);
      return { status: 'started' };
    } catch (error) {
      if (this.#wanted === wanted) this.#wanted = null;
      await this.#process?.stop();
      return { status: 'failed', error: error instanceof Error ? error.message : String(error) };
    }
  }

  async stop(): Promise<void> {
    this.#wanted?.abort();
    this.#wanted = null;
    await this.#process?.stop();
  }

  async #begin(): Promise<ServiceProcess> {
    const { command, tenant, clock } = this.#parts;
    this.#process = await ServiceProcess.start(await command(), tenant, clock);
    return this.#process;
  }

  /** Until `signal` is aborted. Never rejects. */
  async #keep(first: ServiceProcess, signal: AbortSignal): Promise<void> {
    const { name, tenant, clock } = this.#parts;
    let pauseMs = firstPauseMs;
    for (let process = first; ; ) {
      const begun = clock.monotonic();
      const { exitCode } = await process.exited;
      if (signal.aborted) return;
      tenant.log.line('WARN', `${name} ended with status ${exitCode} and is started again`);
      pauseMs = clock.monotonic() - begun > goodLifeMs ? firstPauseMs : Math.min(2 * pauseMs, maxPauseMs);
      try {
        await sleep(clock, pauseMs, signal);
        process = await this.#begin();
        // It may be wanted no more since its command was asked for.
        if (signal.aborted) return await process.stop();
      } catch (error) {
        if (signal.aborted) return;
        tenant.log.line('WARN', `${name} cannot be started: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
