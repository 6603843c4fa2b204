/** The composition root of a member of a cluster: a manager decides what its kernels are, and for whom. */

import { hardeningOf, loosenedWarnings } from '../agent/hardening.ts';
import type { AssembleMember, NodeAdapter } from '../agent/node.ts';
import { openMember } from '../backendai/index.ts';
import type { ClusterOverrides } from '../config/cluster-overrides.ts';
import type { LoadedSettings, Settings } from '../config/settings.ts';
import type { DaemonRoot, RootOptions } from '../daemon/daemon.ts';
import { containerOverrides } from '../engine/docker/container-overrides.ts';
import type { KernelNetwork } from '../kernel/spec.ts';
import type { Logger } from '../lib/log.ts';
import { noRefusedServices } from '../network/cluster-services.ts';
import { lxcfsMounts } from '../storage/mounts/lxcfs-mounts.ts';
import { assembleNode, type NodeRole } from './assemble-node.ts';
import { openBackend } from './engine-backends.ts';
import { daemonPrewarmedNetworks } from './standalone.ts';
import { checkUser } from './user-check.ts';

/** The engine knows no log without end. */
const unlimitedLogBytes = 2 ** 50;

/** How a node is that a manager works with through an adapter. */
export function memberRole(settings: Settings, adapter: NodeAdapter, log: Logger): NodeRole {
  // On a node for storage people reach files and nothing else.
  const isForStorage = settings.agent.scalingGroupType === 'storage';
  return {
    mode: 'cluster',
    capacity: async (devices) => ({
      get cpus() {
        return devices.use('cpu').total;
      },
      get memoryBytes() {
        return devices.use('mem').total;
      },
      get slots() {
        return devices.known;
      },
    }),
    network: networkOf(settings.container.alternativeBridge),
    // The manager decides what is mounted.
    mountAllow: ['/'],
    // Scripts of images are root, and users of sessions with `sudo`.
    hasTenantRoot: true,
    refusedServices: settings.loosen.clusterServices ? noRefusedServices : adapter.services,
    metadata: adapter.metadata,
    container: {
      hardening: {
        ...hardeningOf(settings, settings.imageCapabilities),
        overrides: containerOverrides(adapter.overrideFolders, log),
      },
      views: (files) => lxcfsMounts(files),
      privateServices: isForStorage ? ['ttyd'] : [],
      publishAddress: adapter.publishAddress,
      logLimitBytes: adapter.logLimitBytes ?? unlimitedLogBytes,
    },
    isTerminalLocal: isForStorage,
    readyTimeoutMs: adapter.readyTimeoutMs ?? settings.readyTimeoutMs,
    serveAgentSocket: adapter.serveAgentSocket,
    statistics: adapter.statistics,
  };
}

const networkOf = (name: string | null): KernelNetwork => (name === null ? 'bridge' : { name, aliases: [], hosts: [] });

/** The root of a daemon that is a member. `reload`: see `OpenMemberOptions`. */
export function memberRoot(
  options: RootOptions & {
    readonly reload: (cluster: ClusterOverrides) => Promise<Pick<LoadedSettings, 'settings' | 'warnings'>>;
  },
): DaemonRoot {
  const { operations, log, onProgress } = options;
  const assemble: AssembleMember = async (settings, state, adapter) => {
    await using cleanups = new AsyncDisposableStack();
    const backend = openBackend({ settings, log, onProgress });
    await checkUser(cleanups.use(backend.engine), settings.loosen);
    await backend.runnerVolume();
    return await assembleNode(
      {
        settings,
        role: memberRole(settings, adapter, log),
        state,
        backend,
        events: adapter.events,
        scratchRoot: settings.container.scratchRoot,
        keepsKernels: true,
        prewarmedNetworks: daemonPrewarmedNetworks,
        operations,
        log,
        kernelParts: (engine) => ({ hooks: [adapter.hooks(engine)] }),
      },
      cleanups,
    );
  };
  return {
    snapshotFolder: options.settings.agent.varBasePath,
    loosened: loosenedWarnings(options.settings, false),
    open: () => openMember({ ...options, assemble }),
  };
}
