/** A node between those who build and those who serve it: assembled out of its parts, served by the daemon, and asked for its health. */
import type { Settings } from '../config/settings.ts';
import type { NodeDevices } from '../devices/node-devices.ts';
import type { Engine } from '../engine/engine.ts';
import type { ServeAgentSocket } from '../kernel/creation/steps/sockets.ts';
import type { KernelHooks } from '../kernel/kernel-hooks.ts';
import type { KernelRegistry } from '../kernel/kernel-registry.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { toKerneletError } from '../lib/errors.ts';
import type { RefusedServices } from '../network/cluster-services.ts';
import type { MetadataTarget } from '../network/firewall/rule-set.ts';
import type { SessionNetworks } from '../network/session-networks.ts';
import type { PortPool } from '../resources/port-pool.ts';
import type { StatisticsSink } from '../stats/statistics-round.ts';
import type { ForeignFiles } from '../storage/file-systems/file-systems.ts';
import type { StateFolder } from '../storage/state-folder.ts';
import type { EventStore } from './agent-parts.ts';
import type { DefaultAgent } from './default-agent.ts';

/** What somebody above the node has a say in: where events and figures go, and how kernels are reached. */
export interface NodeAdapter {
  /** Where events go; the caller closes it after the node. */
  readonly events: EventStore;
  readonly statistics: StatisticsSink;
  /** The cluster's own services, which no kernel may reach. */
  readonly services: RefusedServices;
  /** Where kernels are led that ask for metadata; null: nowhere. */
  readonly metadata: () => MetadataTarget | null;
  /** Address that ports of kernels are published on. */
  readonly publishAddress: string;
  /** How long a kernel may take until its runner is ready; null: as the node's own settings say. */
  readonly readyTimeoutMs: number | null;
  /** Of the log that the engine keeps of a container; null: no limit. */
  readonly logLimitBytes: number | null;
  /** Folders with the operator's own fields of containers, of which later ones win. */
  readonly overrideFolders: readonly string[];
  /** Answers what programs of kernels ask the agent on the socket that each kernel has. */
  readonly serveAgentSocket: (engine: Engine) => ServeAgentSocket;
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
  readonly files: ForeignFiles;
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

/** One thing that was asked. */
export interface HealthCheck {
  /** `container-engine`, or a service of the cluster. */
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** null: it answers. */
  readonly problem: string | null;
}

/** The answers of everything that a node needs, in no order of weight. */
export interface NodeHealth {
  readonly version: string;
  readonly checks: readonly HealthCheck[];
}

/** Asks one thing; throws when it doesn't answer. */
export type Probe = (signal: AbortSignal) => Promise<unknown>;

/** How each thing that a node needs is asked, by its name. */
export type Dependencies = Readonly<Record<'container-engine', Probe> & Record<string, Probe>>;

const answerMs = 3_000;

/** Asks all of them side by side, within a bound. */
export async function checkHealth(
  version: string,
  probes: Readonly<Record<string, Probe>>,
  clock: Clock,
): Promise<NodeHealth> {
  const checks = Object.entries(probes).map(async ([service, probe]): Promise<HealthCheck> => {
    const options = { what: `the answer of ${service}`, timeoutMs: answerMs, clock };
    const problem = await withDeadline(options, ({ signal }) => probe(signal)).then(
      () => null,
      (error: unknown) => toKerneletError(error).toDocument().message,
    );
    return { service, at: clock.now(), problem };
  });
  return { version, checks: await Promise.all(checks) };
}

/** Asks whether the engine answers, and is the one that has the kernels. Throws ENGINE_UNAVAILABLE, ENGINE_CHANGED. */
export async function probeEngine(engine: Engine, kernels: KernelRegistry, signal: AbortSignal): Promise<void> {
  await engine.ping(signal);
  const problem = kernels.engineProblem();
  if (problem) throw problem;
}
