/** Puts the services of a kernel together; loaded only where a kernel has some. */

import { existsSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import type { DeclaredService } from '../../protocol/kernel-services.ts';
import type { RuntimeContext } from '../runtime.ts';
import type { Tenant } from '../tenant.ts';
import { volumePaths } from '../volume-paths.ts';
import { readDefinitions } from './definition.ts';
import { runtimeServices } from './runtime-services.ts';
import { type BuiltInService, Services } from './services.ts';
import { sshServer } from './ssh-server.ts';
import { TerminalService } from './terminal-service.ts';

/** What the runner has for the services that it opens. */
export interface ServicesContext {
  readonly declared: readonly DeclaredService[];
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly runtimeType: string;
  readonly isTerminalLocal: boolean;
  readonly context: Pick<RuntimeContext, 'tool' | 'temporaryPath'>;
  /** Does something with files with the tenant's ids. */
  asTenant<T>(action: () => T): T;
  problem(text: string): void;
}

/** Reads the image's definitions; nothing is started yet. */
export function openServices(servicesContext: ServicesContext): Services {
  const { declared, tenant, clock, runtimeType, context, asTenant, problem } = servicesContext;
  const ofImage = asTenant(() => readDefinitions(containerPaths.serviceDefinitions, problem));
  return new Services({
    declared,
    definitions: new Map([...runtimeServices(runtimeType), ...ofImage]),
    builtIn: builtInServices(servicesContext),
    tenant,
    clock,
    runtimePath: context.tool ?? '',
    temporaryPath: (ending) => {
      const path = context.temporaryPath(ending);
      return existsSync('/tmp') ? path.replace(`${tenant.home}/.`, '/tmp/') : path;
    },
  });
}

function builtInServices({
  declared,
  tenant,
  clock,
  isTerminalLocal: isLocal,
  asTenant,
}: ServicesContext): ReadonlyMap<string, BuiltInService> {
  const services = new Map<string, BuiltInService>();
  for (const { name, ports } of declared) {
    const [port = 0] = ports;
    if (name === 'sshd') services.set(name, sshServer({ port, tenant, clock, asTenant }));
    if (name === 'ttyd') services.set(name, new TerminalService({ port, tenant, clock, shell: loginShell(), isLocal }));
  }
  return services;
}

/** The most comfortable one that the image has. */
function loginShell(): readonly string[] {
  const shells = ['/bin/zsh', '/bin/bash', '/bin/ash', '/bin/sh'];
  return [shells.find((path) => existsSync(path)) ?? volumePaths.shell, '-l'];
}
