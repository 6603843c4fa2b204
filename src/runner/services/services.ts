/**
 * The services of this kernel (spec kernel-runner 11): starts them when they are asked for, with what the image's definition
 * and the caller say, waits for their ports, and ends them. Each has a lock of its own, so that a slow one holds up nobody else.
 */
import type { Clock } from '../../lib/clock.ts';
import { pythonRepr } from '../../lib/python-repr.ts';
import { KeyedMutex } from '../../lib/semaphore.ts';
import {
  type DeclaredService,
  type FlagValue,
  maxError,
  type ServiceApp,
  type ServiceOptions,
  type ServiceOutcome,
} from '../../protocol/kernel-services.ts';
import type { TenantCommand } from '../runtime.ts';
import type { Tenant } from '../tenant.ts';
import { runActions } from './actions.ts';
import type { ServiceDefinition } from './definition.ts';
import { awaitPort, isPortOpen, ServiceProcess } from './service-process.ts';
import { expandTemplates, type TemplateValue, type TemplateVariables } from './template.ts';

/** Below the ten seconds that the agent waits. */
const openTimeoutMs = 9000;

/** What services are made of. */
export interface ServicesParts {
  /** What the image or the caller declares: names, protocols and ports. */
  readonly declared: readonly DeclaredService[];
  /** By name; those of the image come before the runtime's own. */
  readonly definitions: ReadonlyMap<string, ServiceDefinition>;
  /** The runner's own services by name, such as `sshd`. */
  readonly builtIn: ReadonlyMap<string, BuiltInService>;
  readonly tenant: Tenant;
  readonly clock: Clock;
  /** The language's tool; empty = there is none. */
  readonly runtimePath: string;
  /** An unused path that the tenant may write at, with this ending. */
  temporaryPath(ending: string): string;
}

/** Starts, lists and ends the services of one kernel. */
export class Services {
  readonly #parts: ServicesParts;
  readonly #locks = new KeyedMutex<string>();
  readonly #running = new Map<string, ServiceProcess>();

  constructor(parts: ServicesParts) {
    this.#parts = parts;
  }

  /** Starts those of the runner itself; resolves when each has started, or has reported what is in the way. */
  async startBuiltIn(problem: (text: string) => void): Promise<void> {
    const { builtIn } = this.#parts;
    await Promise.all(
      [...builtIn].map(async ([name, service]) => {
        const outcome = await service.start();
        if (outcome.status === 'failed') problem(`${name} was not started: ${outcome.error}`);
      }),
    );
  }

  /** What the definitions say of the kernel's services. */
  apps(): readonly ServiceApp[] {
    return this.#parts.declared.flatMap(({ name }) => {
      const definition = this.#parts.definitions.get(name);
      if (!definition) return [];
      const { urlTemplate, allowedArguments, allowedEnvs } = definition;
      return [{ name, urlTemplate, allowedArguments, allowedEnvs }];
    });
  }

  /** Starts a service that does not run. Never rejects: why it did not start is in the outcome. */
  async start(name: string, options: ServiceOptions): Promise<ServiceOutcome> {
    const service = this.#parts.declared.find((candidate) => candidate.name === name);
    if (!service) return failed(`unsupported service: ${name}`);
    if (service.protocol === 'preopen') return { status: 'started' };
    return await this.#locks.run(name, async () => {
      const builtIn = this.#parts.builtIn.get(name);
      try {
        if (builtIn) return shortened(await builtIn.start());
        return await this.#start(service, options);
      } catch (error) {
        return failed(error instanceof Error ? error.message : String(error));
      }
    });
  }

  /** Ends a service if it runs; resolves when it has ended. */
  async stop(name: string): Promise<void> {
    // Not after a start that waits for a port: that ends by this.
    await (this.#parts.builtIn.get(name) ?? this.#running.get(name))?.stop();
  }

  async #start(service: DeclaredService, options: ServiceOptions): Promise<ServiceOutcome> {
    const { name, ports } = service;
    const before = this.#running.get(name);
    if (before?.ended === null) return { status: 'running' };
    const definition = this.#parts.definitions.get(name);
    if (!definition) return failed(`unsupported service: ${name}`);
    const { tenant, clock, runtimePath, temporaryPath } = this.#parts;
    const [port = 0] = ports;
    // Before anything is done for it.
    checkOptions(name, definition, options, tenant.environ);
    // The image's bootstrap script may have started it.
    if (definition.noop || (await isPortOpen(port))) return { status: 'started' };
    const variables = new Map<string, TemplateValue>([
      ['runtime_path', runtimePath],
      ['ports', ports],
    ]);
    const prepared = await runActions(definition.prestart, variables, { tenant, clock, temporaryPath });
    const command = serviceCommand(definition, prepared, options);
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

/** A service that the runner brings itself and that runs from the kernel's start (spec kernel-runner 11.4). Nothing of it rejects. */
export interface BuiltInService {
  start(): Promise<ServiceOutcome>;
  stop(): Promise<void>;
}

/** An option that is refused; the message is the `repr` of upstream's exception. */
class RefusedOption extends Error {
  constructor(type: 'DisallowedArgument' | 'DisallowedEnvironment', text: string) {
    super(`${type}(${pythonRepr(text)})`);
  }
}

/** Refuses what the definition does not allow. Throws RefusedOption. `environ` are variables that callers cannot change. */
export function checkOptions(
  service: string,
  definition: ServiceDefinition,
  options: ServiceOptions,
  environ: Readonly<Record<string, string>>,
): void {
  for (const flag of Object.keys(options.arguments)) {
    if (!definition.allowedArguments.includes(flag))
      throw new RefusedOption('DisallowedArgument', `Argument ${flag} not allowed for service ${service}`);
  }
  for (const name of Object.keys(options.envs)) {
    if (!definition.allowedEnvs.includes(name)) {
      const text = `Environment variable ${name} not allowed for service ${service}`;
      throw new RefusedOption('DisallowedEnvironment', text);
    }
    if (Object.hasOwn(environ, name))
      throw new RefusedOption('DisallowedEnvironment', `Environment variable ${name} can't be overwritten`);
  }
}

/** The command for options that are allowed (spec kernel-runner 12.2, steps 2 to 6). Throws TemplateError. */
export function serviceCommand(
  definition: ServiceDefinition,
  variables: TemplateVariables,
  options: ServiceOptions,
): TenantCommand {
  const argv = expandTemplates(definition.command, variables);
  const names = expandTemplates(
    definition.env.map(([name]) => name),
    variables,
  );
  const values = expandTemplates(
    definition.env.map(([, value]) => value),
    variables,
  );
  const environ = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
  const flags = Object.entries({ ...definition.defaultArguments, ...options.arguments });
  return {
    argv: [...argv, ...flags.flatMap(([flag, value]) => [flag, ...words(value)])],
    environ: { ...environ, ...options.envs },
  };
}

function words(value: FlagValue): readonly string[] {
  if (value === null) return [];
  return typeof value === 'string' ? [value] : value;
}
