/** One life of the daemon on a simulated machine: the real node, assembled as for a standalone one, from its start to its end. */
import type { DefaultAgent } from '../../../src/agent/default-agent.ts';
import type { AssembledNode, NodeAdapter, ServedNode } from '../../../src/agent/node.ts';
import { openMember } from '../../../src/backendai/membership/member.ts';
import { loadZeromq } from '../../../src/backendai/transport/zeromq.ts';
import type { Settings } from '../../../src/config/settings.ts';
import { memPlugin, sharedCpuPlugin } from '../../../src/devices/basic-plugins.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { openEventLog } from '../../../src/events/event-log.ts';
import type { NumberedKernelEvent } from '../../../src/events/kernel-event.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Logger } from '../../../src/lib/log.ts';
import { OperationTimes } from '../../../src/lib/operation-times.ts';
import { type AssembleOptions, assembleNode, type NodeRole } from '../../../src/main/assemble-node.ts';
import type { EngineBackend } from '../../../src/main/engine-backends.ts';
import { memberRole } from '../../../src/main/member.ts';
import { standaloneRole } from '../../../src/main/standalone.ts';
import { noPacketFilter } from '../../../src/network/firewall/packet-filter.ts';
import { createRunnerConnector } from '../../../src/runner-client/runner-connection.ts';
import { openStateFolder } from '../../../src/storage/state-folder.ts';
import { nodeDevices } from '../../support/node-devices.ts';
import { npuPlugin } from '../../support/npu-plugin.ts';
import type { Machine } from '../world/interposition.ts';
import { Owner } from '../world/timeline.ts';

// Loaded at their first use, which in a simulated world would look for them on its disk.
loadZeromq();
await import('@redis/client');

/** What a daemon is started with. */
export interface DaemonParts {
  readonly machine: Machine;
  readonly settings: Settings;
  /** Whether it is a member of the cluster. */
  readonly isMember: boolean;
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
  #member: ServedNode | null = null;
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
    const open = (): Promise<void> => (parts.isMember ? daemon.#join() : daemon.#open());
    parts.machine.timeline.schedule(1, daemon.owner, () => void open().catch(parts.onFailure));
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
    this.#stopped ??= this.#dispose();
    return this.#stopped;
  }

  async #dispose(): Promise<void> {
    await (this.#member ?? this.#node?.agent)?.[Symbol.asyncDispose]();
  }

  async #open(): Promise<void> {
    const { settings, log } = this.#parts;
    const operations = new OperationTimes(systemClock);
    await using cleanups = new AsyncDisposableStack();
    const state = cleanups.use(await openStateFolder(settings.stateDir));
    const events = cleanups.use(await openEventLog(state, systemClock, log));
    const node = await this.#assemble(settings, standaloneRole(settings), { state, events, operations }, cleanups);
    this.#serve(node, () => node.agent.start({ retry: true }));
  }

  /** Opens it as a member, which answers when it has joined. */
  async #join(): Promise<void> {
    const { settings, log } = this.#parts;
    const operations = new OperationTimes(systemClock);
    let node: AssembledNode | null = null;
    this.#member = await openMember({
      settings,
      reload: async () => ({ settings, warnings: [] }),
      operations,
      log,
      signal: this.#end.signal,
      assemble: async (inForce, state, adapter) => {
        // Views are looked at by processes, of which a simulated machine has none.
        const role = memberRole(inForce, adapter, log);
        const { views: _, ...container } = role.container;
        const parts = { state, events: adapter.events, operations };
        node = await this.#assemble(inForce, { ...role, container }, parts, new AsyncDisposableStack(), adapter);
        return node;
      },
    });
    const { run } = this.#member;
    if (node) this.#serve(node, run);
  }

  async #assemble(
    settings: Settings,
    role: NodeRole,
    parts: Pick<AssembleOptions, 'state' | 'events' | 'operations'>,
    cleanups: AsyncDisposableStack,
    adapter: NodeAdapter | null = null,
  ): Promise<AssembledNode> {
    const options: AssembleOptions = {
      ...{ ...parts, settings, role, backend: this.#backend(), scratchRoot: settings.container.scratchRoot },
      ...{ keepsKernels: true, prewarmedNetworks: 1, log: this.#parts.log },
      ...(adapter && { kernelParts: (engine) => ({ hooks: [adapter.hooks(engine)] }) }),
    };
    return await assembleNode(options, cleanups);
  }

  /** Has the world hear its events, and takes over what there is, which `start` does. */
  #serve(node: AssembledNode, start: () => Promise<unknown>): void {
    const { machine, onEvent, onFailure } = this.#parts;
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
      start().then(ready, onFailure);
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
