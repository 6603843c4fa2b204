/** Where an agent's scratch folders lie. Pure. */
import path from 'node:path';
import type { StateFolder } from './state-folder.ts';

/**
 * In the state folder, unless the configuration names a place. That may hold folders of other agents, or of anything
 * else that is named by a UUID, so this agent has a folder of its own in it: what lies there and belongs to no kernel
 * is removed.
 */
export function scratchFolder(
  configured: string | undefined,
  stateDir: string,
  state: Pick<StateFolder, 'scratch' | 'tag'>,
): string {
  if (configured === undefined || path.resolve(configured) === path.resolve(stateDir, 'scratch')) return state.scratch;
  return path.join(configured, `kernelet-${state.tag}`);
}
