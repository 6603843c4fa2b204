/** Puts the services of a kernel together; loaded only where a kernel has some. */
import { existsSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import type { ServicePlace } from '../../wire/kernel-services.ts';
import type { RuntimeContext } from '../runtime.ts';
import type { Tenant } from '../tenant.ts';
import { definitionFolder, readDefinitions } from './definition-files.ts';
import { runtimeServices } from './runtime-services.ts';
import { Services } from './services.ts';

/** What the runner knows. */
export interface ServiceSurroundings {
  readonly places: readonly ServicePlace[];
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly runtimeType: string;
  readonly context: Pick<RuntimeContext, 'tool' | 'temporaryPath'>;
  /** Looks at files with the tenant's ids. */
  asTenant<T>(look: () => T): T;
  problem(text: string): void;
}

/** Reads the image's definitions; nothing is started yet. */
export function openServices(surroundings: ServiceSurroundings): Services {
  const { places, tenant, clock, runtimeType, context, asTenant, problem } = surroundings;
  const ofImage = asTenant(() => readDefinitions(definitionFolder, problem));
  return new Services({
    places,
    definitions: new Map([...runtimeServices(runtimeType), ...ofImage]),
    tenant,
    clock,
    runtimePath: context.tool ?? '',
    temporaryPath: (ending) => {
      const path = context.temporaryPath(ending);
      return existsSync('/tmp') ? path.replace(`${tenant.home}/.`, '/tmp/') : path;
    },
  });
}
