/** The composition root of a node that is alone: its own settings decide, and its kernels are of this machine's users. */
import type { DefaultAgent } from '../agent/default-agent.ts';
import { endKernels } from '../agent/end-kernels.ts';
import { hardeningOf, loosenedWarnings } from '../agent/hardening.ts';
import { type AssembledNode, probeEngine, type ServedNode } from '../agent/node.ts';
import type { Settings } from '../config/settings.ts';
import type { DaemonRoot, RootOptions } from '../daemon/daemon.ts';
import { readHostCapacity } from '../devices/host-capacity.ts';
import { openEventLog } from '../events/event-log.ts';
import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { OperationTimes } from '../lib/operation-times.ts';
import { noRefusedServices } from '../network/cluster-services.ts';
import { openStateFolder } from '../storage/state-folder.ts';
import { assembleNode, type NodeRole } from './assemble-node.ts';
import { openBackend } from './engine-backends.ts';
import { checkUser } from './user-check.ts';

/** A command may come any time, and the next one soon after it. */
export const daemonPrewarmedNetworks = 2;

const maxLogBytes = 10 * 1024 * 1024;

/** How a node is that nobody manages. */
export function standaloneRole(settings: Settings): NodeRole {
  return {
    mode: 'standalone',
    // What is offered several times over is still no more than the machine has for any one kernel.
    capacity: async (devices) => ({ ...(await readHostCapacity()), slots: devices.known }),
    network: settings.defaults.network,
    mountAllow: settings.mountAllow,
    hasTenantRoot: false,
    refusedServices: noRefusedServices,
    container: {
      hardening: hardeningOf(settings, null),
      privateServices: [],
      publishAddress: '127.0.0.1',
      logLimitBytes: maxLogBytes,
    },
    isTerminalLocal: true,
    readyTimeoutMs: settings.readyTimeoutMs,
    statistics: null,
  };
}

/** What a node is opened with. */
interface StandaloneOptions {
  readonly settings: Settings;
  /** The state folder, or an instance's folder below it. */
  readonly folder: string;
  readonly scratchRoot?: string;
  /** Whether its kernels outlive the process. */
  readonly keepsKernels: boolean;
  readonly prewarmedNetworks: number;
  /** Whether to build what kernels need at once; else the first kernel waits for it. */
  readonly willMakeKernels: boolean;
  readonly operations: OperationTimes;
  readonly log: Logger;
  readonly onProgress: (text: string) => void;
}

/** Opens its folder and assembles it. Throws STATE_LOCKED, STATE_UNUSABLE, NOT_SUPPORTED, ENGINE_UNSUPPORTED. */
async function openStandalone(options: StandaloneOptions): Promise<AssembledNode> {
  const { settings, folder, log } = options;
  await using cleanups = new AsyncDisposableStack();
  const backend = openBackend(options);
  await checkUser(cleanups.use(backend.engine), settings.loosen);
  const state = cleanups.use(await openStateFolder(folder));
  const events = cleanups.use(await openEventLog(state, systemClock, log));
  if (options.willMakeKernels) await backend.runnerVolume();
  return await assembleNode({ ...options, role: standaloneRole(settings), state, backend, events }, cleanups);
}

/** An agent in a folder of its own below the state folder, for a command without a daemon. It makes one kernel and ends. */
export async function openInstance(
  options: Pick<StandaloneOptions, 'settings' | 'folder' | 'log' | 'onProgress'>,
): Promise<DefaultAgent> {
  const operations = new OperationTimes(systemClock);
  // Most commands without a daemon make no kernel.
  const { agent } = await openStandalone({
    ...options,
    operations,
    keepsKernels: false,
    prewarmedNetworks: 0,
    willMakeKernels: false,
  });
  return agent;
}

/** The root of a daemon that is alone. */
export function standaloneRoot({ settings, operations, log, onProgress, signal: stop }: RootOptions): DaemonRoot {
  return {
    snapshotFolder: settings.stateDir,
    loosened: loosenedWarnings(settings, settings.imageBootstrap === 'root'),
    async open(): Promise<ServedNode> {
      const { agent, engine, kernels } = await openStandalone({
        settings,
        folder: settings.stateDir,
        scratchRoot: settings.container.scratchRoot,
        keepsKernels: true,
        prewarmedNetworks: daemonPrewarmedNetworks,
        willMakeKernels: true,
        operations,
        log,
        onProgress,
      });
      return {
        settings,
        agent,
        isManaged: false,
        snapshotSocket: null,
        dependencies: { 'container-engine': (signal) => probeEngine(engine, kernels, signal) },
        run: () => agent.start({ retry: true }),
        adopt: async () => [],
        [Symbol.asyncDispose]: async () => {
          if (settings.agent.destroyKernelsOnShutdown) await endKernels(agent, { stop, clock: systemClock, log });
          await agent[Symbol.asyncDispose]();
        },
      };
    },
  };
}
