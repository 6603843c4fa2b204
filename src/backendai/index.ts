/**
 * All that the composition root has of this folder: how a node becomes a member of its cluster, and the commands for
 * members. What only members need is loaded by them, so that other starts and commands pay nothing for it.
 */
import type { ServedNode } from '../agent/node.ts';
import type { CommandEntry } from '../cli/command.ts';
import type { Settings } from '../config/settings.ts';
import type { OpenMemberOptions } from './membership/member.ts';

export type { OpenMemberOptions } from './membership/member.ts';

/** See `membership/member.ts`. */
export async function openMember(options: OpenMemberOptions): Promise<ServedNode> {
  const member = await import('./membership/member.ts');
  return await member.openMember(options);
}

/** Checks of a member's settings beside their form, each of which throws INVALID_CONFIG for what is refused. */
export async function memberChecks(settings: Settings): Promise<readonly (() => unknown)[]> {
  const { keyFileChecks } = await import('./membership/rpc-endpoint.ts');
  return keyFileChecks(settings);
}

/** In the order in which help lists them. */
export const clusterCommands: readonly CommandEntry[] = [
  {
    name: 'keypair',
    summary: 'make CURVE keys for calls of a manager',
    load: async () => (await import('./commands.ts')).keypair,
  },
  {
    name: 'watcher',
    summary: 'the daemon by which a manager starts and stops the agent',
    load: async () => (await import('./commands.ts')).watcher,
  },
];
