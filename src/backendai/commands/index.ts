/** Commands for nodes of a cluster, which the composition root hands to the command line. */
import type { CommandEntry } from '../../cli/commands/index.ts';

/** In the order in which help lists them. */
export const clusterCommands: readonly CommandEntry[] = [
  {
    name: 'keypair',
    summary: 'make CURVE keys for calls of a manager',
    load: async () => (await import('./keypair.ts')).keypair,
  },
];
