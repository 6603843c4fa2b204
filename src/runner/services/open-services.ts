/** Puts the services of a kernel together; loaded only where a kernel has some. */

import { existsSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import type { ServicePlace } from '../../protocol/kernel-services.ts';
import type { RuntimeContext } from '../runtime.ts';
import type { Tenant } from '../tenant.ts';
import { volumePaths } from '../volume-paths.ts';
import { readDefinitions } from './definition.ts';
import { runtimeServices } from './runtime-services.ts';
import { type BuiltInService, Services } from './services.ts';
import { sshServer } from './ssh-server.ts';
import { TerminalService } from './terminal-service.ts';

/** What the runner knows. */
export interface ServiceSurroundings {
  readonly places: readonly ServicePlace[];
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly runtimeType: string;
  readonly isTerminalLocal: boolean;
  readonly context: Pick<RuntimeContext, 'tool' | 'temporaryPath'>;
  /** Looks at files with the tenant's ids. */
  asTenant<T>(look: () => T): T;
  problem(text: string): void;
}

/** Reads the image's definitions; nothing is started yet. */
export function openServices(surroundings: ServiceSurroundings): Services {
  const { places, tenant, clock, runtimeType, context, asTenant, problem } = surroundings;
  const ofImage = asTenant(() => readDefinitions(containerPaths.serviceDefinitions, problem));
  return new Services({
    places,
    definitions: new Map([...runtimeServices(runtimeType), ...ofImage]),
    own: builtInServices(surroundings),
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
  places,
  tenant,
  clock,
  isTerminalLocal: isLocal,
  asTenant,
}: ServiceSurroundings): ReadonlyMap<string, BuiltInService> {
  const own = new Map<string, BuiltInService>();
  for (const { name, ports } of places) {
    const [port = 0] = ports;
    if (name === 'sshd') own.set(name, sshServer({ port, tenant, clock, asTenant }));
    if (name === 'ttyd') own.set(name, new TerminalService({ port, tenant, clock, shell: loginShell(), isLocal }));
  }
  return own;
}

/** The most comfortable one that the image has. */
function loginShell(): readonly string[] {
  const shells = ['/bin/zsh', '/bin/bash', '/bin/ash', '/bin/sh'];
  return [shells.find((path) => existsSync(path)) ?? volumePaths.shell, '-l'];
}
