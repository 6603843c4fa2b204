/** From a definition and what a caller wants to a command (spec kernel-runner 12.2, steps 2 to 6). Pure. */
import type { FlagValue, ServiceOptions } from '../../protocol/kernel-services.ts';
import { pythonRepr } from '../../protocol/python-repr.ts';
import type { TenantCommand } from '../runtime.ts';
import type { ServiceDefinition } from './definition.ts';
import { expandTemplates, type TemplateVariables } from './template.ts';

/** A wish that is refused; the message is the `repr` of upstream's exception. */
export class RefusedOption extends Error {
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

/** The command for options that are allowed. Throws TemplateError. */
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
