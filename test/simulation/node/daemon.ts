/** One life of the daemon on a simulated machine: the real node, assembled as for a standalone one, from its start to its end. */
import type { DefaultAgent } from '../../../src/agent/default-agent.ts';
import type { AssembledNode } from '../../../src/agent/node.ts';
import type { Settings } from '../../../src/config/settings.ts';
import { memPlugin, sharedCpuPlugin } from '../../../src/devices/basic-plugins.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { openEventLog } from '../../../src/events/event-log.ts';
import type { NumberedKernelEvent } from '../../../src/events/kernel-event.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Logger } from '../../../src/lib/log.ts';
import { OperationTimes } from '../../../src/lib/operation-times.ts';
import { assembleNode } from '../../../src/main/assemble-node.ts';
import type { EngineBackend } from '../../../src/main/engine-backends.ts';
import { standaloneRole } from '../../../src/main/standalone.ts';
import { noPacketFilter } from '../../../src/network/firewall/packet-filter.ts';
import { createRunnerConnector } from '../../../src/runner-client/runner-connection.ts';
import { openStateFolder } from '../../../src/storage/state-folder.ts';
import { nodeDevices } from '../../support/node-devices.ts';
import { npuPlugin } from '../../support/npu-plugin.ts';
import type { Machine } from '../world/interposition.ts';
import { Owner } from '../world/timeline.ts';

/** What a daemon is started with. */
export interface DaemonParts {
  readonly machine: Machine;
  readonly settings: Settings;
  readonly connectEngine: (owner: Owner) => Engine;
  readonly log: Logger;
  /** Told of the events that the daemon's readers get. */
  readonly onEvent: (event: NumberedKernelEvent) => void;
  /** Told why a start failed. */
  readonly onFailure: (error: unknown) => void;
}

/** Devices that only one kernel has at a time. */
const accelerators = ['0', '1'] as const;

/** A daemon process. What is asked of it is asked in its own turns. */
export class Daemon {
  readonly owner: Owner;
  readonly #parts: DaemonParts;
  #node: AssembledNode | null = null;
  #isReady = false;
  #stopped: Promise<void> | null = null;
  readonly #end = new AbortController();

  private constructor(name: string, parts: DaemonParts) {
    this.owner = new Owner(name);
    this.#parts = parts;
  }

  /** Begins to start one; it answers when it is assembled. */
  static start(name: string, parts: DaemonParts): Daemon {
    const daemon = new Daemon(name, parts);
    parts.machine.timeline.schedule(1, daemon.owner, () => void daemon.#open().catch(parts.onFailure));
    return daemon;
  }

  /** Null until it is assembled. */
  get agent(): DefaultAgent | null {
    return this.#node?.agent ?? null;
  }

  get node(): AssembledNode | null {
    return this.#node;
  }

  /** Whether it has taken over what there was, and is not stopping. */
  get isReady(): boolean {
    return this.#isReady && this.#stopped === null;
  }

  /** Stops as a signal makes it; a second one changes nothing. */
  stop(): Promise<void> {
    this.#end.abort();
    this.#stopped ??= this.#node?.agent[Symbol.asyncDispose]() ?? Promise.resolve();
    return this.#stopped;
  }

  async #open(): Promise<void> {
    const { settings, log, machine, onEvent } = this.#parts;
    const operations = new OperationTimes(systemClock);
    await using cleanups = new AsyncDisposableStack();
    const state = cleanups.use(await openStateFolder(settings.stateDir));
    const events = cleanups.use(await openEventLog(state, systemClock, log));
    const node = await assembleNode(
      {
        settings,
        role: standaloneRole(settings),
        state,
        backend: this.#backend(),
        events,
        scratchRoot: settings.container.scratchRoot,
        keepsKernels: true,
        prewarmedNetworks: 1,
        operations,
        log,
      },
      cleanups,
    );
    this.#node = node;
    const follow = async (): Promise<void> => {
      const { signal } = this.#end;
      for await (const event of node.agent.kernelEvents({ after: 0, follow: true }, signal)) onEvent(event);
    };
    follow().catch(() => {});
    machine.timeline.schedule(0, this.owner, () => {
      const ready = (): void => {
        this.#isReady = true;
      };
      node.agent.start({ retry: true }).then(ready, this.#parts.onFailure);
    });
  }

  #backend(): EngineBackend {
    return {
      engine: this.#parts.connectEngine(this.owner),
      outlivesDaemon: true,
      connectRunner: createRunnerConnector(),
      packetFilter: noPacketFilter,
      runnerVolume: async () => '/volumes/runner',
      findDevices: async () =>
        nodeDevices([npuPlugin(accelerators), sharedCpuPlugin({ cpus: 16 }), memPlugin(64 * 2 ** 30)]),
      networkBytes: async () => ({ receivedBytes: 0, sentBytes: 0 }),
      readSockets: async () => '',
      runTool: async () => ({ exitCode: 0, stdout: '', stderr: '' }),
      processRoot: null,
      figuresHost: (files) => ({ files, mounts: [], nodeMemoryBytes: 2 ** 36, processRoot: '/proc' }),
      engineMounts: [],
    };
  }
}
