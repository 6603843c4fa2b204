/**
 * The services of this kernel (spec kernel-runner 11): starts them when they are asked for, waits for their ports, and
 * ends them. Each has a turn of its own, so that a slow one holds up nobody else.
 */
import type { Clock } from '../../lib/clock.ts';
import { KeyedMutex } from '../../lib/keyed-mutex.ts';
import {
  maxError,
  type ServiceApp,
  type ServiceOptions,
  type ServiceOutcome,
  type ServicePlace,
} from '../../protocol/kernel-services.ts';
import type { Tenant } from '../tenant.ts';
import { prepare } from './actions.ts';
import { awaitPort } from './await-port.ts';
import type { BuiltInService } from './built-in-service.ts';
import type { ServiceDefinition } from './definition.ts';
import { isPortOpen } from './port-probe.ts';
import { checkOptions, serviceCommand } from './service-command.ts';
import { ServiceProcess } from './service-process.ts';
import type { TemplateValue } from './template.ts';

/** Below the agent's own patience of ten seconds. */
const openTimeoutMs = 9000;

/** What services are made of. */
export interface ServicesParts {
  readonly places: readonly ServicePlace[];
  /** By name; those of the image come before the runtime's own. */
  readonly definitions: ReadonlyMap<string, ServiceDefinition>;
  /** The runner's own, by name. */
  readonly own: ReadonlyMap<string, BuiltInService>;
  readonly tenant: Tenant;
  readonly clock: Clock;
  /** The language's tool; empty = there is none. */
  readonly runtimePath: string;
  /** An unused path that the tenant may write at, with this ending. */
  temporaryPath(ending: string): string;
}

/** The services. */
export class Services {
  readonly #parts: ServicesParts;
  readonly #turns = new KeyedMutex<string>();
  readonly #running = new Map<string, ServiceProcess>();

  constructor(parts: ServicesParts) {
    this.#parts = parts;
  }

  /** Starts the runner's own; resolves when each has started, or has told what is in the way. */
  async startOwn(problem: (text: string) => void): Promise<void> {
    const { own } = this.#parts;
    await Promise.all(
      [...own].map(async ([name, service]) => {
        const outcome = await service.start();
        if (outcome.status === 'failed') problem(`${name} was not started: ${outcome.error}`);
      }),
    );
  }

  /** What the definitions say of the kernel's services. */
  apps(): readonly ServiceApp[] {
    return this.#parts.places.flatMap(({ name }) => {
      const definition = this.#parts.definitions.get(name);
      if (!definition) return [];
      const { urlTemplate, allowedArguments, allowedEnvs } = definition;
      return [{ name, urlTemplate, allowedArguments, allowedEnvs }];
    });
  }

  /** Starts a service that does not run. Never rejects: why it did not start is in the outcome. */
  async start(name: string, options: ServiceOptions): Promise<ServiceOutcome> {
    const place = this.#parts.places.find((candidate) => candidate.name === name);
    if (!place) return failed(`unsupported service: ${name}`);
    if (place.protocol === 'preopen') return { status: 'started' };
    return await this.#turns.run(name, async () => {
      const own = this.#parts.own.get(name);
      try {
        if (own) return shortened(await own.start());
        return await this.#start(place, options);
      } catch (error) {
        return failed(error instanceof Error ? error.message : String(error));
      }
    });
  }

  /** Ends a service if it runs; resolves when it has ended. */
  async stop(name: string): Promise<void> {
    // Not after a start that waits for a port: that ends by this.
    await (this.#parts.own.get(name) ?? this.#running.get(name))?.stop();
  }

  async #start(place: ServicePlace, options: ServiceOptions): Promise<ServiceOutcome> {
    const { name } = place;
    const before = this.#running.get(name);
    if (before?.ended === null) return { status: 'running' };
    const definition = this.#parts.definitions.get(name);
    if (!definition) return failed(`unsupported service: ${name}`);
    const { tenant, clock, runtimePath, temporaryPath } = this.#parts;
    const [port = 0] = place.ports;
    // Before anything is done for it.
    checkOptions(name, definition, options, tenant.environ);
    // The image's bootstrap script may have started it.
    if (definition.noop || (await isPortOpen(port))) return { status: 'started' };
    const given = new Map<string, TemplateValue>([
      ['runtime_path', runtimePath],
      ['ports', place.ports],
    ]);
    const known = await prepare(definition.prestart, given, { tenant, clock, temporaryPath });
    const command = serviceCommand(definition, known, options);
    const process = await ServiceProcess.start(command, tenant, clock);
    this.#running.set(name, process);
    tenant.log.line('INFO', `service ${name} starts`);
    void process.exited.then(({ exitCode }) => {
      tenant.log.line('INFO', `service ${name} ended with status ${exitCode}`);
      if (this.#running.get(name) === process) this.#running.delete(name);
    });
    const failure = await awaitPort(name, port, process, { clock, timeoutMs: openTimeoutMs });
    if (failure === null) return { status: 'started' };
    await process.stop();
    return failed(failure);
  }
}

const failed = (error: string): ServiceOutcome => ({ status: 'failed', error: error.slice(0, maxError) });
const shortened = (outcome: ServiceOutcome): ServiceOutcome =>
  outcome.status === 'failed' ? failed(outcome.error) : outcome;
