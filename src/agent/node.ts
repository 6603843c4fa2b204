/** A node between those who build and those who serve it: assembled out of its parts, and served by the daemon. */
import type { Settings } from '../config/settings.ts';
import type { NodeDevices } from '../devices/node-devices.ts';
import type { Engine } from '../engine/engine.ts';
import type { KernelHooks } from '../kernel/kernel-hooks.ts';
import type { KernelRegistry } from '../kernel/kernel-registry.ts';
import type { RefusedServices } from '../network/cluster-services.ts';
import type { SessionNetworks } from '../network/session-networks.ts';
import type { PortPool } from '../resources/port-pool.ts';
import type { StatisticsSink } from '../stats/statistics-round.ts';
import type { StateFolder } from '../storage/state-folder.ts';
import type { EventStore } from './agent-parts.ts';
import type { DefaultAgent } from './default-agent.ts';
import type { Dependencies } from './node-health.ts';

/** What somebody above the node has a say in: where events and figures go, and how kernels are reached. */
export interface NodeAdapter {
  /** Where events go; the caller closes it after the node. */
  readonly events: EventStore;
  readonly statistics: StatisticsSink;
  /** The cluster's own services, which no kernel may reach. */
  readonly services: RefusedServices;
  /** Address that ports of kernels are published on. */
  readonly publishAddress: string;
  /** How long a kernel may take until its runner is ready; null: as the node's own settings say. */
  readonly readyTimeoutMs: number | null;
  /** Of the log that the engine keeps of a container; null: no limit. */
  readonly logLimitBytes: number | null;
  /** Folders with the operator's own fields of containers, of which later ones win. */
  readonly overrideFolders: readonly string[];
  /** What it does at the moments of a kernel's life. */
  readonly hooks: (engine: Engine) => KernelHooks;
}

/** A node with the parts that others look at. Disposing the agent lets go of all of them. */
export interface AssembledNode {
  readonly agent: DefaultAgent;
  readonly engine: Engine;
  readonly kernels: KernelRegistry;
  readonly devices: NodeDevices;
  readonly ports: PortPool;
  readonly sessionNetworks: SessionNetworks;
}

/** Assembles the node in a state folder that the caller has opened, with the settings that are in force by then. */
export type AssembleMember = (settings: Settings, state: StateFolder, adapter: NodeAdapter) => Promise<AssembledNode>;

/** A node that the daemon serves: alone, or as a member of its cluster. Disposing it ends what it does; kernels go on. */
export interface ServedNode extends AsyncDisposable {
  /** Of the node's own file and, in a cluster, of the cluster's too. */
  readonly settings: Settings;
  readonly agent: DefaultAgent;
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
