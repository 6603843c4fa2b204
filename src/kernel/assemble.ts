/**
 * Puts the parts of this folder together into the set of kernels of one agent; the order of the steps of creation is in
 * `creation-plan.ts`.
 */
import { join } from 'node:path';
import type { Engine, EngineInfo } from '../engine/engine.ts';
import type { EventSink } from '../events/kernel-event.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { type OperationTimes, watchMethods } from '../lib/operation-times.ts';
import { Bandwidth, type RunTool } from '../network/bandwidth.ts';
import { Bridge } from '../network/bridge.ts';
import type { RefusedServices } from '../network/cluster-services.ts';
import type { PacketFilter } from '../network/firewall/packet-filter.ts';
import type { MetadataTarget } from '../network/firewall/rule-set.ts';
import { canBind } from '../network/host-ports.ts';
import { type LeasedNetwork, readNetworkFiles } from '../network/prewarmed-network.ts';
import { PrewarmedNetworkPool, type PrewarmedNetworkPoolParts } from '../network/prewarmed-network-pool.ts';
import { SessionNetworks } from '../network/session-networks.ts';
import { KernelSockets } from '../network/sockets/kernel-sockets.ts';
import { containerPaths } from '../protocol/image-contract.ts';
import type { RunnerConnector } from '../runner-client/runner-client.ts';
import { measurer } from '../stats/scratch-sizes.ts';
import { readContainerUsers, type UsersOfContainers } from '../storage/container-users.ts';
import type { ForeignFiles } from '../storage/file-systems/file-systems.ts';
import type { KeptHomesLimits } from '../storage/kept-homes.ts';
import { ScratchFolders, type ScratchFoldersParts } from '../storage/scratch.ts';
import type { StateFolder } from '../storage/state-folder.ts';
import { ActorRegistry } from './actor-registry.ts';
import type { ContainerSettings } from './container/container-spec.ts';
import { ImageRoots } from './container/image-roots.ts';
import { KernelContainers } from './container/kernel-containers.ts';
import type { KernelUsers } from './container/kernel-users.ts';
import { type OciRuntimeProbeParts, probeOciRuntime, removeLeftTrials } from './container/oci-runtime-probe.ts';
import { Ownership } from './container/ownership.ts';
import { creationPlan } from './creation/creation-plan.ts';
import type { CreationPlan } from './creation/step.ts';
import { type RunnerTuning, socketName } from './creation/steps/config-files.ts';
import type { ServeAgentSocket } from './creation/steps/sockets.ts';
import type { InvariantViolations } from './invariant-violations.ts';
import { FileJournal, type Journal } from './journal.ts';
import { KernelHookList, type KernelHooks } from './kernel-hooks.ts';
import type { DeviceLeases, PortLeases } from './leases.ts';
import { BootNote } from './reconciliation/boot-note.ts';
import { engineIdentityFile } from './reconciliation/engine-identity.ts';
import { EngineIdentityGuard } from './reconciliation/engine-identity-guard.ts';
import { listOwnedContainers } from './reconciliation/owned-containers.ts';
import type { KernelRecord } from './record.ts';
import { RunnerClients } from './runner-clients.ts';

/** What one agent's kernels are made from. */
export interface KernelsParts {
  readonly state: StateFolder;
  readonly engine: Engine;
  readonly devices: DeviceLeases;
  readonly ports: PortLeases;
  readonly events: EventSink<KernelRecord>;
  readonly connectRunner: RunnerConnector;
  /** Asked for what may hang: sources of mounts, and what devices bring along. */
  readonly files: Pick<ForeignFiles, 'find'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly invariantViolations: InvariantViolations;
  /** Counts how long writes of the journal take: what a slow disk costs each creation. */
  readonly operations: OperationTimes;
  readonly settings: KernelsSettings;
  /** Paths of the host that nothing of which may get into a kernel; absent: only those of the system. */
  readonly refusedPaths?: () => Promise<readonly string[]>;
  /** Changes the plan, for tests that make steps fail. */
  readonly adaptPlan?: (plan: CreationPlan) => CreationPlan;
  /** Hooks of all kernels, before those that are registered later. */
  readonly hooks?: readonly KernelHooks[];
  /** Bytes that have gone through the network of a process. */
  readonly networkBytes: (pid: number) => Promise<Pick<LeasedNetwork, 'receivedBytes' | 'sentBytes'>>;
  /** The sockets of the network of a process, in words that are equal when they are. */
  readonly readSockets: PrewarmedNetworkPoolParts['readSockets'];
  /** Replaces the network files of networks, for tests. */
  readonly readFiles?: PrewarmedNetworkPoolParts['readFiles'];
  /** Gives new kernels users of their own; absent: they have those of their specifications. */
  readonly users?: KernelUsers | undefined;
  readonly packetFilter: PacketFilter;
  /** Runs the programs that limit networks. */
  readonly runTool: RunTool;
  /** Where the engine's processes are seen, such as `/proc`; null = its containers have none. */
  readonly processRoot: string | null;
  readonly refusedServices: RefusedServices;
  /** Where kernels are led that ask for metadata; absent = nowhere. */
  readonly metadata?: (() => MetadataTarget | null) | undefined;
  /** Whether this process can have another connection. */
  readonly hasRoom?: () => boolean;
  /** Answers what programs of kernels ask the agent; absent: none can. */
  readonly serveAgentSocket?: ServeAgentSocket | undefined;
  /** Where it is kept what was read of images, which agents may share; in the state folder when absent. */
  readonly imageRootsFolder?: string;
}

/** What the configuration says about kernels. */
export interface KernelsSettings {
  readonly container: Omit<ContainerSettings, 'bridgeName'>;
  readonly runner: RunnerTuning;
  /** How long a runner may take to get ready. */
  readonly readyTimeoutMs: number;
  /** How long the tenant's processes get to end by themselves before a removal; 0 = not at all. */
  readonly graceMs: number;
  /** How many connections begun by one kernel the host follows at a time; 0 = no limit. */
  readonly connectionLimit: number;
  /** Networks that are kept ready for kernels to come; 0 = none. */
  readonly prewarmedNetworks: number;
  /** Folders with limited homes that are kept ready, and of which size to begin with. */
  readonly prewarmedHomes: NonNullable<ScratchFoldersParts['prewarmedHomes']>;
  /** The least time between two sightings of an orphaned container. */
  readonly sweepGraceMs: number;
  /** How long a container may be missing until its kernel ends. */
  readonly missingGraceMs: number;
  /** What is done about kernels whose containers ended with the engine or the machine. */
  readonly onEngineRestart: 'restart' | 'end';
  /** Whether a mark is left among the engine's data, by which it is known again; not for kernels that end with the process. */
  readonly marksEngine: boolean;
  /** Of homes of kernels whose end nobody asked for. */
  readonly keptHomes: KeptHomesLimits;
}

/** The kernels of one agent, with the parts that others look at. */
export interface AssembledKernels extends AsyncDisposable {
  readonly registry: ActorRegistry;
  readonly scratch: ScratchFolders;
  readonly bridge: Bridge;
  readonly prewarmedNetworks: PrewarmedNetworkPool;
  readonly sessionNetworks: SessionNetworks;
  /** Boots a kernel under an OCI runtime. Throws NOT_SUPPORTED, ENGINE_UNAVAILABLE, ENGINE_CHANGED. */
  readonly probeOciRuntime: (runtime: string, signal: AbortSignal) => Promise<void>;
  /** Removes what such trials have left. Throws ENGINE_UNAVAILABLE, ENGINE_CHANGED, ENGINE_FAILED. */
  readonly removeLeftTrials: (signal: AbortSignal) => Promise<void>;
}

/**
 * Makes the kernels of one agent. Nothing is touched until `recover`. Disposing stops acting, leaves running containers
 * alone, and removes the network when no kernel is left.
 */
export function assembleKernels(parts: KernelsParts): AssembledKernels {
  const { state, engine, clock, log, settings } = parts;
  const ownership = new Ownership(state.agentId, state.secret);
  const scratch = new ScratchFolders(state.scratch, {
    log,
    clock,
    limits: settings.keptHomes,
    measure: measurer(clock),
    prewarmedHomes: settings.prewarmedHomes,
  });
  const filtered = {
    engine,
    tag: state.tag,
    agentId: state.agentId,
    log,
    packetFilter: parts.packetFilter,
    refusedServices: parts.refusedServices,
    connectionLimit: settings.connectionLimit,
    metadata: parts.metadata,
  };
  const bridge = new Bridge(filtered);
  const sessionNetworks = new SessionNetworks({ ...filtered, clock });
  const container: ContainerSettings = { ...settings.container, bridgeName: bridge.name };
  const journal = watchMethods<Journal>(new FileJournal(state, log), 'journal', parts.operations);
  const engineGuard = new EngineIdentityGuard({
    ...{ engine, scratch, clock, log },
    file: engineIdentityFile(state.path),
    markName: `kernelet-${state.tag}`,
    marks: settings.marksEngine,
  });
  /** As long as the engine is not looked at anew: an engine that is started again may have another table. */
  const knownUsers = new WeakMap<EngineInfo, ReturnType<typeof readContainerUsers>>();
  const users: UsersOfContainers = async (signal) => {
    const info = engineGuard.info ?? (await engine.info(signal));
    const known = knownUsers.get(info) ?? readContainerUsers(info.mappedRoot);
    knownUsers.set(info, known);
    return await known;
  };
  const hooks = new KernelHookList(parts.hooks ?? [], log);
  const containers = new KernelContainers({
    engine,
    ownership,
    engineGuard,
    scratch,
    settings: container,
    users,
    files: parts.files,
    imageRoots: new ImageRoots(parts.imageRootsFolder ?? join(state.path, 'image-roots'), log),
    hooks,
  });
  const prewarmedNetworks = new PrewarmedNetworkPool({
    engine,
    form: {
      tag: state.tag,
      agentId: state.agentId,
      network: bridge.name,
      volume: { source: container.volume.hostPath, target: containerPaths.volume },
      proof: (name) => ownership.proof(name),
    },
    target: settings.prewarmedNetworks,
    ensureNetwork: (deadline) => bridge.ensure(deadline),
    joined: async (signal) => {
      engineGuard.assertOpen();
      const stock = await listOwnedContainers(engine, ownership, registry.list(), signal);
      return new Set(stock.flatMap(({ placement }) => placement?.prewarmedNetwork?.container ?? []));
    },
    networkBytes: parts.networkBytes,
    readSockets: parts.readSockets,
    readFiles: parts.readFiles ?? readNetworkFiles,
    clock,
    log,
  });
  const runners = new RunnerClients(parts.connectRunner, (record: KernelRecord) => ({
    socketPath: join(scratch.paths(record.spec.id).run, socketName),
    secret: ownership.runnerSecret(record.spec.id, record.generation),
  }));
  const sockets = new KernelSockets(parts.hasRoom ?? (() => true), clock);
  const plan = creationPlan({
    sockets,
    serveAgentSocket: parts.serveAgentSocket ?? null,
    containerOf: (kernel) => registry.get(kernel).containerId,
    refusedPaths: parts.refusedPaths ?? (async () => []),
    engine,
    ownership,
    scratch,
    users,
    files: parts.files,
    bridge,
    containers,
    prewarmedNetworks,
    hardening: container.hardening,
    log,
    runners,
    devices: parts.devices,
    ports: parts.ports,
    canBind: (port) => canBind(port, container.publishAddress),
    runner: settings.runner,
    timeoutMs: settings.readyTimeoutMs,
    bandwidth: new Bandwidth(parts.runTool),
    processRoot: parts.processRoot,
  });
  const registry = new ActorRegistry({
    engine,
    engineGuard,
    hooks,
    prewarmedNetworks,
    plan: parts.adaptPlan?.(plan) ?? plan,
    runners,
    containers,
    ownership,
    scratch,
    bridgeName: bridge.name,
    clock,
    log,
    bootNote: new BootNote(state.path, log),
    journal,
    events: parts.events,
    devices: parts.devices,
    users: parts.users,
    invariantViolations: parts.invariantViolations,
    graceMs: settings.graceMs,
    sweepGraceMs: settings.sweepGraceMs,
    missingGraceMs: settings.missingGraceMs,
    onEngineRestart: settings.onEngineRestart,
    keepNetworks: async ({ bridge: onBridge, named }, signal) => {
      // What ails one is no reason to leave the others open.
      const refreshed = await Promise.allSettled([
        bridge.refresh(onBridge, signal),
        named.size > 0 ? sessionNetworks.refresh(signal) : null,
        sessionNetworks.sweep(named, signal),
      ]);
      const errors = refreshed.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('; '));
      if (errors.length === 1) throw errors[0];
    },
  });
  const trials: OciRuntimeProbeParts = {
    ...{ engine, users, ownership, container, log, tag: state.tag, folder: join(state.path, 'runtimes') },
    runner: settings.runner,
    connectRunner: parts.connectRunner,
    readyTimeoutMs: settings.readyTimeoutMs,
  };
  return {
    registry,
    scratch,
    bridge,
    prewarmedNetworks,
    sessionNetworks,
    probeOciRuntime: async (runtime, signal) => {
      engineGuard.assertOpen();
      await probeOciRuntime(runtime, trials, signal);
    },
    removeLeftTrials: async (signal) => {
      engineGuard.assertOpen();
      await removeLeftTrials(trials, signal);
    },
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]();
      await sockets[Symbol.asyncDispose]();
      await prewarmedNetworks[Symbol.asyncDispose]();
      // Of an engine that was never seen to be ours nothing is known.
      if (engineGuard.trusted && registry.list().length === 0) {
        await engineGuard.leave(AbortSignal.timeout(stopDeadlineMs));
        await bridge.removeIfUnused(AbortSignal.timeout(stopDeadlineMs));
        await sessionNetworks.removeIfUnused(AbortSignal.timeout(stopDeadlineMs));
      }
      await scratch[Symbol.asyncDispose]();
    },
  };
}

const stopDeadlineMs = 10_000;
