/** A whole set of kernels for tests: real journal and scratch in a temporary folder, everything else in memory. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach } from 'vitest';
import { memPlugin, sharedCpuPlugin } from '../../src/devices/basic-plugins.ts';
import type { DevicePlugin } from '../../src/devices/device-plugin.ts';
import type { NodeDevices } from '../../src/devices/node-devices.ts';
import type { PluginSearch } from '../../src/devices/plugin-source.ts';
import type { DummyContainer } from '../../src/engine/dummy/dummy-containers.ts';
import { DummyEngine, type DummyEngineOptions } from '../../src/engine/dummy/dummy-engine.ts';
import { dummyImage } from '../../src/engine/dummy/dummy-images.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { KernelEvent } from '../../src/events/kernel-event.ts';
import {
  type AssembledKernels,
  assembleKernels,
  type KernelsParts,
  type KernelsSettings,
} from '../../src/kernel/assemble.ts';
import { defaultEntrypoint, defaultHardening } from '../../src/kernel/container/container-spec.ts';
import { labelNames, Ownership } from '../../src/kernel/container/ownership.ts';
import { InvariantViolations } from '../../src/kernel/invariant-violations.ts';
import type { PortLeases } from '../../src/kernel/leases.ts';
import { listOwnedContainers } from '../../src/kernel/reconciliation/owned-containers.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { KerneletError } from '../../src/lib/errors.ts';
import { type KernelId, parseAgentId } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { OperationTimes } from '../../src/lib/operation-times.ts';
import { machineTools } from '../../src/network/bandwidth.ts';
import { noRefusedServices } from '../../src/network/cluster-services.ts';
import { noPacketFilter } from '../../src/network/firewall/packet-filter.ts';
import type { NetworkFiles } from '../../src/network/prewarmed-network.ts';
import type { RunSummary } from '../../src/protocol/run-event.ts';
import type { RunnerStatus } from '../../src/protocol/runner-frames.ts';
import type { RunnerAddress, RunnerClient, RunnerClientEvent } from '../../src/runner-client/runner-client.ts';
import type { RequestedMount } from '../../src/storage/mounts/mount-policy.ts';
import { type AgentIdWish, openStateFolder, type StateFolder } from '../../src/storage/state-folder.ts';
import { localFiles } from './foreign-files.ts';
import { nodeDevices } from './node-devices.ts';

const readyStatus: RunnerStatus = {
  phase: 'ready',
  interpreter: 'none',
  detail: '',
  startedAt: 0,
  logBytesDropped: 0,
  models: [],
};

/** A runner's client that is ready when the test says so. */
export class FakeRunnerClient implements RunnerClient {
  readonly address: RunnerAddress;
  readonly #ready: (signal: AbortSignal) => Promise<void>;
  readonly #listeners = new Set<(event: RunnerClientEvent) => void>();
  #awaited = false;
  /** The reason that `ended` was called with. */
  end: { readonly exitCode: number; readonly detail: string } | null = null;
  disposed = false;
  readonly requests: string[] = [];

  constructor(address: RunnerAddress, ready: (signal: AbortSignal) => Promise<void>) {
    this.address = address;
    this.#ready = ready;
  }

  async ready(signal: AbortSignal): Promise<RunnerStatus> {
    await this.#ready(signal);
    this.#awaited = true;
    return readyStatus;
  }

  async request(method: string): Promise<never> {
    this.requests.push(method);
    if (method === 'shutdown') for (const listener of this.#listeners) listener({ type: 'disconnected' });
    throw new KerneletError('NOT_SUPPORTED', 'a fake runner does nothing');
  }

  async *events(): AsyncGenerator<never, void, undefined> {}
  /** Where runs stand, as the test says. */
  known: readonly RunSummary[] = [];
  runs(): readonly RunSummary[] {
    return this.known;
  }
  answers = false;
  connected(): boolean {
    return this.answers;
  }
  silentSince: number | null = null;
  unreachableSince(): number | null {
    return this.silentSince;
  }
  isBusy = false;
  busy(): boolean {
    return this.isBusy;
  }
  isSuspended = false;
  suspend(isSuspended: boolean): void {
    this.isSuspended = isSuspended;
  }
  /** Nothing is known of a runner that has not been waited for, as after a start of the daemon. */
  status(): RunnerStatus | null {
    return this.#awaited ? readyStatus : null;
  }
  /** Calls everybody who has subscribed. */
  emit(event: RunnerClientEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
  async upload(): Promise<never> {
    throw new KerneletError('NOT_SUPPORTED', 'a fake runner takes no files');
  }
  async download(): Promise<never> {
    throw new KerneletError('NOT_SUPPORTED', 'a fake runner has no files');
  }
  async connectPort(): Promise<never> {
    throw new KerneletError('NOT_SUPPORTED', 'a fake runner has no ports');
  }

  async unpack(): Promise<never> {
    throw new KerneletError('NOT_SUPPORTED', 'a fake runner takes no archives');
  }
  async watch(): Promise<never> {
    throw new KerneletError('NOT_SUPPORTED', 'a fake runner watches nothing');
  }
  subscribe(listener: (event: RunnerClientEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
  ended(reason: { readonly exitCode: number; readonly detail: string }): void {
    this.end = reason;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

/** Network files of a network. */
export function namesFixture(hosts = '127.0.0.1 localhost\n'): NetworkFiles {
  const file = (content: string) => ({ content: Buffer.from(content), mode: 0o100644, uid: 0, gid: 0 });
  return { hosts: file(hosts), 'resolv.conf': file('nameserver 127.0.0.11\n'), hostname: file('one\n') };
}

/** The pool of ports in memory, and real devices, that can tell whether anything is still held. */
export class FakeLeases implements PortLeases {
  readonly held = new Map<number, KernelId>();
  readonly quarantined: number[] = [];
  #next: number;

  constructor(firstPort = 31_000) {
    this.#next = firstPort;
  }

  lease(kernel: KernelId): number {
    const port = this.#next++;
    this.held.set(port, kernel);
    return port;
  }
  adopt(kernel: KernelId, port: number): void {
    this.held.set(port, kernel);
  }
  heldBy(kernel: KernelId): readonly number[] {
    return [...this.held].filter(([, holder]) => holder === kernel).map(([port]) => port);
  }
  release(_: KernelId, port: number): void {
    this.held.delete(port);
  }
  quarantine(port: number): void {
    this.quarantined.push(port);
  }
}

/** Eight CPUs that aren't pinned, 64 GiB, and what a test adds, or finds later. */
export function testDevices(plugins: readonly DevicePlugin[] = [], search?: PluginSearch): NodeDevices {
  return nodeDevices([...plugins, sharedCpuPlugin({ cpus: 8 }), memPlugin(64 * 2 ** 30)], search);
}

/** What a test may decide. */
export interface FixtureOptions {
  /** Called with each event of the kernels. */
  readonly onEvent?: (event: KernelEvent) => void;
  readonly engine?: Engine;
  readonly dummy?: DummyEngineOptions;
  /** Called when a client waits for its runner. */
  readonly ready?: (signal: AbortSignal) => Promise<void>;
  readonly settings?: Partial<KernelsSettings>;
  readonly devices?: NodeDevices;
  readonly parts?: Partial<KernelsParts>;
  /** Throws when no kernel may be begun: never, where an agent is made of the fixture. */
  readonly assertRoom?: () => Promise<void>;
  /** Replaces the rules of what may be mounted: everything, where an agent is made of the fixture. */
  readonly checkMounts?: (mounts: readonly RequestedMount[]) => Promise<readonly RequestedMount[]>;
  /** A folder of an earlier fixture, to come back to. */
  readonly folder?: string;
  /** What the agent is called from now on; a made-up name, or the one of before, when absent. */
  readonly agentId?: string;
  /** Kernels whose end an earlier fixture has published. */
  readonly published?: readonly KernelId[];
}

export const testSettings: KernelsSettings = {
  container: {
    volume: { hostPath: async () => '/nonexistent/volume', entrypoint: defaultEntrypoint },
    hardening: defaultHardening,
    publishAddress: '127.0.0.1',
    privateServices: [],
    logLimitBytes: 2 ** 20,
    init: false,
  },
  runner: { outputBufferBytes: 2 ** 20, finishedRunKeepMs: 60_000, isTerminalLocal: true, debug: false },
  readyTimeoutMs: 5_000,
  graceMs: 500,
  connectionLimit: 8192,
  prewarmedNetworks: 0,
  prewarmedHomes: { count: 0, homeBytes: null },
  sweepGraceMs: 0,
  missingGraceMs: 0,
  onEngineRestart: 'end',
  marksEngine: true,
  keptHomes: { keepMs: 0, maxBytes: 2 ** 30 },
};

/** Of agents that keep the homes of kernels whose end nobody asked for. */
export const keepingHomes = { keptHomes: { keepMs: 3_600_000, maxBytes: 2 ** 20 } } as const;

/** With a grace of 0 nobody asks the runner: the engine in memory keeps no container over its own end. */
export const graceOf1Ms = { missingGraceMs: 1 } as const;

/** The image that specifications of `kernel-record.ts` name. */
export const testImage = dummyImage('kernelet/base:latest', { id: 'sha256:00' });

const calledExpressly = (name: string): AgentIdWish => {
  const wanted = parseAgentId(name);
  return { wanted, detect: async () => wanted };
};

/** The fixture. Disposing it stops the kernels; `remove` also deletes its folder. */
export class KernelsFixture implements AsyncDisposable {
  readonly folder: string;
  readonly state: StateFolder;
  readonly engine: Engine;
  /** The same, where it is the one in memory. */
  readonly dummy: DummyEngine;
  readonly kernels: AssembledKernels;
  readonly leases: FakeLeases;
  readonly devices: NodeDevices;
  readonly events: readonly KernelEvent[];
  readonly clients: readonly FakeRunnerClient[];
  readonly invariantViolations: InvariantViolations;

  private constructor(
    made: Omit<
      KernelsFixture,
      'containerOf' | 'sweepAfterGrace' | 'types' | 'leftovers' | 'remove' | typeof Symbol.asyncDispose
    >,
  ) {
    this.folder = made.folder;
    this.state = made.state;
    this.engine = made.engine;
    this.dummy = made.dummy;
    this.kernels = made.kernels;
    this.leases = made.leases;
    this.devices = made.devices;
    this.events = made.events;
    this.clients = made.clients;
    this.invariantViolations = made.invariantViolations;
  }

  /** Opens a fixture, in a fresh folder unless one is given. */
  static async open(options: FixtureOptions = {}): Promise<KernelsFixture> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'kernelet-kernels-')));
    const state = await openStateFolder(folder, {
      mounts: [],
      ...(options.agentId === undefined ? {} : { agentId: calledExpressly(options.agentId) }),
    });
    const dummy =
      options.engine instanceof DummyEngine
        ? options.engine
        : new DummyEngine({ images: [testImage], ...options.dummy });
    const clients: FakeRunnerClient[] = [];
    const events: KernelEvent[] = [];
    const published = new Set(options.published);
    const leases = new FakeLeases();
    const devices = options.devices ?? testDevices();
    const invariantViolations = new InvariantViolations();
    const ready = options.ready ?? (async () => {});
    const engine = options.engine ?? dummy;
    const hasEnded = (kernel: KernelId): boolean =>
      published.has(kernel) || events.some((one) => one.type === 'kernel-terminated' && one.kernelId === kernel);
    const kernels = assembleKernels({
      state,
      engine,
      devices,
      ports: leases,
      events: {
        publish: (event) => {
          events.push(event);
          options.onEvent?.(event);
        },
        hasFinished: () => false,
        hasEnded: (kernel) => hasEnded(kernel),
        hasToldEnd: ({ spec }) => hasEnded(spec.id),
        forget: () => {},
      },
      connectRunner: (address) => {
        const client = new FakeRunnerClient(address, ready);
        clients.push(client);
        return client;
      },
      files: localFiles,
      clock: systemClock,
      log: silentLogger,
      invariantViolations,
      operations: new OperationTimes(systemClock),
      settings: { ...testSettings, ...options.settings },
      networkBytes: async () => ({ receivedBytes: 100, sentBytes: 200 }),
      readSockets: async () => '',
      readFiles: async () => namesFixture(),
      refusedServices: noRefusedServices,
      packetFilter: noPacketFilter,
      runTool: machineTools,
      processRoot: null,
      ...options.parts,
    });
    return new KernelsFixture({
      folder,
      state,
      engine,
      dummy,
      kernels,
      leases,
      events,
      clients,
      invariantViolations,
      devices,
    });
  }

  /** The container of a kernel. */
  containerOf(kernel: KernelId): DummyContainer {
    const found = this.dummy.containers.find(({ spec }) => spec.labels[labelNames.kernelId] === kernel);
    if (!found) throw new Error(`the dummy engine has no container of ${kernel}`);
    return found;
  }

  /** Looks for missing kernels when `graceOf1Ms` is over. */
  async sweepAfterGrace(): Promise<void> {
    await setTimeout(3);
    await this.kernels.registry.sweep(AbortSignal.timeout(10_000));
  }

  /** The types of the events so far. */
  types(): readonly string[] {
    return this.events.map((event) => event.type);
  }

  /** Everything that is left of kernels, beside what lies in the quarantine: containers, scratch, journal, leases. */
  async leftovers(): Promise<readonly string[]> {
    await this.kernels.scratch.settled();
    const containers = await listOwnedContainers(
      this.engine,
      new Ownership(this.state.agentId, this.state.secret),
      this.kernels.registry.list(),
      AbortSignal.timeout(10_000),
    );
    const folders = await Promise.all(
      ['kernels', 'scratch', 'scratch/.trash'].map(async (name) =>
        (await readdir(join(this.folder, name)).catch(() => [])).map((file) => `${name}/${file}`),
      ),
    );
    return [
      ...containers.map(({ kernelId, generation }) => `container ${generation} of ${kernelId}`),
      ...folders.flat().filter((name) => name !== 'scratch/.trash'),
      ...this.devices.holders().map((kernel) => `devices of ${kernel}`),
      ...[...this.leases.held.keys()].map((port) => `port ${port}`),
    ];
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernels[Symbol.asyncDispose]();
    await this.state[Symbol.asyncDispose]();
  }
}

/** Gives a test file its fixtures; after each test they are stopped and removed, the newest first. */
export function usingFixtures(): (options?: FixtureOptions) => Promise<KernelsFixture> {
  const open: KernelsFixture[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) {
      await one[Symbol.asyncDispose]();
      await one.remove();
    }
  });
  return async (options) => {
    const made = await KernelsFixture.open(options);
    open.push(made);
    return made;
  };
}
