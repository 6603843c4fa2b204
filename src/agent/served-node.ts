/** A node that the daemon serves: alone, or as a member of its cluster. */

import type { Settings } from '../config/settings.ts';
import type { NodeAgent } from './node-agent.ts';
import type { Dependencies } from './node-health.ts';

/** The node. Disposing it ends what it does; kernels go on. */
export interface ServedNode extends AsyncDisposable {
  /** Of the node's own file and, in a cluster, of the cluster's too. */
  readonly settings: Settings;
  readonly agent: NodeAgent;
  /** Whether somebody above the node decides about its kernels: the local API then changes nothing unless it is forced. */
  readonly isManaged: boolean;
  /** Path of a socket on which whoever connects gets a snapshot of the state; null: there is none. */
  readonly snapshotSocket: string | null;
  readonly dependencies: Dependencies;
  /** Begins what goes on until the disposal, and resolves when it has begun; rejects when it cannot. */
  run(): Promise<void>;
  /** Makes its own what it can of other settings while it goes on; gives the keys of those that it has. */
  adopt(settings: Settings): Promise<readonly string[]>;
}
