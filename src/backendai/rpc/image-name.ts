/** Images as managers name them, and how their registries are reached (spec rpc 3.4). Pure. */
import type { z } from 'zod';
import type { RegistryAuth } from '../../engine/engine.ts';
import type { imageReference, registry } from './schema/fields.ts';

/** The name: registry, project and name, where there are, with the tag. */
export function canonicalName({ registry: host, project, name, tag }: z.output<typeof imageReference>): string {
  return `${[host, project, name].filter(Boolean).join('/')}:${tag}`;
}

/** Credentials, when there are both halves of them. */
export function credentials({ username, password, name }: z.output<typeof registry>): RegistryAuth | null {
  return username && password ? { username, password, serverAddress: name } : null;
}
