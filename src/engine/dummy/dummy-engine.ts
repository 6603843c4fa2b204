/**
 * An engine in memory, for unit tests and simulation. It keeps the promises of the Engine interface (idempotency, error
 * codes, events) without a process; hooks and planted failures stand in for what a real engine and its tenants do.
 */
import { type Clock, systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { CommitsUnderWay } from '../commits-under-way.ts';
import type {
  CommitOptions,
  ContainerDetail,
  ContainerSpec,
  ContainerSummary,
  Engine,
  EngineEvent,
  EngineFigures,
  EngineImage,
  EngineInfo,
  EngineNetwork,
  ExecResult,
  ImageRemoval,
  LogChunk,
  NetworkSpec,
  Progress,
  RegistryAuth,
  WantedLabels,
} from '../engine.ts';
import { type DummyContainer, DummyContainers, failed, hasLabels } from './dummy-containers.ts';
import { DummyEvents } from './dummy-events.ts';
import { type DummyCall, type DummyFault, DummyFaults, type DummyMethod } from './dummy-faults.ts';
import { DummyImages, dummyImage } from './dummy-images.ts';
import { DummyNetworks } from './dummy-networks.ts';

/** What a test may decide. A hook that throws makes the call fail with what it threw. */
export interface DummyEngineOptions {
  readonly clock?: Clock;
  readonly images?: readonly EngineImage[];
  readonly info?: Partial<EngineInfo>;
  /** Called before a container exists; throwing refuses it. */
  readonly onCreate?: (spec: ContainerSpec) => void | Promise<void>;
  /** Called when a container runs; it may write to its log, or make it exit. */
  readonly onStart?: (container: DummyContainer) => void | Promise<void>;
  /** Called when its processes stand still, or go on. */
  readonly onPause?: (container: DummyContainer, isPaused: boolean) => void;
  readonly onExec?: (container: DummyContainer, command: readonly string[]) => ExecResult | Promise<ExecResult>;
  /** What the ids of its containers count from, so that those of two engines differ; 0 when absent. */
  readonly firstSerial?: number;
  /** Paths that are links in every container. */
  readonly links?: readonly string[];
  /** Files of every container, by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Decides what a pull brings; by default there is no registry. */
  readonly onPull?: (reference: string) => EngineImage | Promise<EngineImage>;
  /** Takes what is pushed; by default there is no registry. */
  readonly onPush?: (image: EngineImage, auth: RegistryAuth | undefined) => void | Promise<void>;
}

/** The engine; everything in it ends with the process. */
export class DummyEngine implements Engine {
  readonly kind = 'dummy';
  readonly rulesChain = 'DUMMY-USER';
  readonly gatewayNetwork = 'dummy-gateway';
  readonly address = 'memory';
  readonly #options: DummyEngineOptions;
  readonly #clock: Clock;
  readonly #faults: DummyFaults;
  readonly #events = new DummyEvents();
  readonly #images = new DummyImages();
  readonly #networks = new DummyNetworks();
  readonly #containers: DummyContainers;
  readonly #marks = new Map<string, string>();
  #commits = 0;
  readonly #commitsUnderWay = new CommitsUnderWay();
  #startedAt: number;

  constructor(options: DummyEngineOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#startedAt = this.#clock.now();
    this.#faults = new DummyFaults(this.#clock);
    this.#containers = new DummyContainers({
      ...{ clock: this.#clock, events: this.#events, networks: this.#networks },
      firstSerial: options.firstSerial ?? 0,
    });
    for (const image of options.images ?? []) this.#images.add(image);
  }

  /** The newest calls, in order. */
  get calls(): readonly DummyCall[] {
    return this.#faults.calls;
  }

  /** Every container there is, for assertions. */
  get containers(): readonly DummyContainer[] {
    return this.#containers.all;
  }

  /** How many readers of events there are, for leak checks. */
  get eventReaders(): number {
    return this.#events.readers;
  }

  /** Makes the next `times` matching calls of a method go wrong. Disposing the result takes the rest back. */
  fail(
    method: DummyMethod,
    fault: DummyFault,
    options: { times?: number; matches?: (call: DummyCall) => boolean } = {},
  ): Disposable {
    return this.#faults.plant(method, fault, options);
  }

  /** Adds an image; one of the same name loses the name. */
  addImage(image: EngineImage): void {
    this.#images.add(image);
  }

  /** The container of an id or name, for a test that knows it is there. Throws when it is not. */
  container(idOrName: string): DummyContainer {
    const found = this.#containers.find(idOrName);
    if (!found) throw new Error(`the dummy engine has no container ${idOrName}`);
    return found;
  }

  /** Calls a container something else, as people do with the engine's own tool. */
  renameContainer(id: ContainerId, name: string): void {
    this.#containers.rename(id, name);
  }

  /** Cuts every event stream: its readers see `disconnected`, then `connected`; what they had not read is lost. */
  disconnectEvents(error = 'planted disconnection'): void {
    this.#events.disconnect(error);
  }

  ping(signal: AbortSignal): Promise<void> {
    return this.#faults.run('ping', '', signal, () => {});
  }

  info(signal: AbortSignal): Promise<EngineInfo> {
    return this.#faults.run('info', '', signal, () => ({
      name: 'dummy',
      identity: 'dummy',
      version: '1.0.0',
      apiVersion: '1.41',
      architecture: process.arch === 'arm64' ? 'aarch64' : 'x86_64',
      storageDriver: 'memory',
      cgroupVersion: 2 as const,
      cgroupDriver: 'cgroupfs',
      cgroupParent: 'dummy',
      cpus: 4,
      memoryBytes: 8 * 2 ** 30,
      dataRoot: '/nonexistent/dummy',
      runtimes: ['runc'],
      securityOptions: ['name=seccomp,profile=default'],
      mappedRoot: null,
      isRootless: false,
      enforced: { cpus: true, memory: true, processes: true },
      ...this.#options.info,
    }));
  }

  startedAt(signal: AbortSignal): Promise<number | null> {
    return this.#faults.run('startedAt', '', signal, () => this.#startedAt);
  }

  /** Says that the engine begins anew, and has ended its containers with this status, as one without live-restore does. */
  restart(exitCode: number): void {
    for (const container of this.containers) container.exit(exitCode, { now: this.#clock.now() });
    this.#startedAt = this.#clock.now();
  }

  listImages(signal: AbortSignal): Promise<readonly EngineImage[]> {
    return this.#faults.run('listImages', '', signal, () => this.#images.list());
  }

  inspectImage(reference: string, signal: AbortSignal): Promise<EngineImage> {
    return this.#faults.run('inspectImage', reference, signal, () => this.#images.get(reference));
  }

  pullImage(
    reference: string,
    options: { auth?: RegistryAuth; onProgress?: (progress: Progress) => void },
    signal: AbortSignal,
  ): Promise<void> {
    return this.#faults.run('pullImage', reference, signal, async () => {
      const pull = this.#options.onPull;
      if (!pull) throw new KerneletError('IMAGE_PULL_FAILED', `image ${reference} could not be pulled: no registry`);
      options.onProgress?.({ message: `pulling ${reference}` });
      this.#images.add(await pull(reference));
    });
  }

  buildImage(
    context: ReadableStream<Uint8Array>,
    options: {
      reference: string;
      buildArguments: Readonly<Record<string, string>>;
      labels: Readonly<Record<string, string>>;
      onProgress?: (progress: Progress) => void;
    },
    signal: AbortSignal,
  ): Promise<void> {
    return this.#faults.run('buildImage', options.reference, signal, async () => {
      await drain(context, signal);
      options.onProgress?.({ message: `built ${options.reference}` });
      this.#images.add(dummyImage(options.reference, { labels: options.labels }));
    });
  }

  importImage(tar: ReadableStream<Uint8Array>, reference: string, signal: AbortSignal): Promise<void> {
    return this.#faults.run('importImage', reference, signal, async () => {
      await drain(tar, signal);
      this.#images.add(dummyImage(reference, { environ: [] }));
    });
  }

  tagImage(reference: string, newReference: string, signal: AbortSignal): Promise<void> {
    return this.#faults.run('tagImage', reference, signal, () => this.#images.tag(reference, newReference));
  }

  removeImage(reference: string, _options: ImageRemoval, signal: AbortSignal): Promise<void> {
    return this.#faults.run('removeImage', reference, signal, () => this.#images.remove(reference));
  }

  pushImage(
    reference: string,
    options: { auth?: RegistryAuth; onProgress?: (progress: Progress) => void },
    signal: AbortSignal,
  ): Promise<void> {
    return this.#faults.run('pushImage', reference, signal, async () => {
      const push = this.#options.onPush;
      if (!push) throw new KerneletError('IMAGE_PUSH_FAILED', `image ${reference} could not be pushed: no registry`);
      options.onProgress?.({ message: `pushing ${reference}`, fraction: 0.5 });
      await push(this.#images.get(reference), options.auth);
    });
  }

  /** Its archive is a text that names the image. */
  async *exportImage(reference: string): AsyncGenerator<Uint8Array, void> {
    const { id } = this.#images.get(reference);
    yield Buffer.from('archive of ');
    yield Buffer.from(id);
  }

  commitContainer(id: ContainerId, { reference, labels, command }: CommitOptions, signal: AbortSignal) {
    const make = () => {
      const { spec } = this.#containers.require(id);
      this.#commits += 1;
      const image = dummyImage(reference ?? '', {
        id: `sha256:${this.#commits.toString(16).padStart(64, 'c')}`,
        labels: { ...this.#images.get(spec.image).labels, ...spec.labels, ...labels },
        command,
        ...(reference === null ? { references: [] } : {}),
      });
      this.#images.add(image);
      return image.id;
    };
    return this.#commitsUnderWay.during(id, () => this.#faults.run('commitContainer', id, signal, make));
  }

  isCommitting(id: ContainerId): boolean {
    return this.#commitsUnderWay.has(id);
  }

  createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<ContainerId> {
    return this.#faults.run('createContainer', spec.name, signal, async () => {
      this.#images.get(spec.image);
      await this.#options.onCreate?.(spec);
      return this.#containers.create(spec);
    });
  }

  startContainer(id: ContainerId, signal: AbortSignal): Promise<void> {
    return this.#faults.run('startContainer', id, signal, async () => {
      const started = this.#containers.start(id);
      if (started) await this.#options.onStart?.(started);
    });
  }

  inspectContainer(idOrName: string, signal: AbortSignal): Promise<ContainerDetail | null> {
    return this.#faults.run(
      'inspectContainer',
      idOrName,
      signal,
      () => this.#containers.find(idOrName)?.detail() ?? null,
    );
  }

  isLink(id: ContainerId, path: string, signal: AbortSignal): Promise<boolean> {
    return this.#faults.run('isLink', id, signal, () => this.#options.links?.includes(path) ?? false);
  }

  /** Its images have no files but those of the options. */
  readFile(
    id: ContainerId,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | 'absent' | 'no-file'> {
    return this.#faults.run('readFile', id, signal, () => {
      if (this.#options.links?.includes(path)) return 'no-file';
      const content = this.#options.files?.[path];
      if (content === undefined) return 'absent';
      return content.length > maxBytes ? 'no-file' : Buffer.from(content);
    });
  }

  listContainers(labels: WantedLabels, signal: AbortSignal): Promise<readonly ContainerSummary[]> {
    return this.#faults.run('listContainers', '', signal, () =>
      this.#containers.withLabels(labels).map((one) => one.summary()),
    );
  }

  killContainer(id: ContainerId, killSignal: string, signal: AbortSignal): Promise<void> {
    return this.#faults.run('killContainer', id, signal, () => this.#containers.kill(id, killSignal));
  }

  async pauseContainer(id: ContainerId, signal: AbortSignal): Promise<void> {
    await this.#faults.run('pauseContainer', id, signal, () => this.#setPaused(id, true));
  }

  async resumeContainer(id: ContainerId, signal: AbortSignal): Promise<void> {
    await this.#faults.run('resumeContainer', id, signal, () => this.#setPaused(id, false));
  }

  #setPaused(id: ContainerId, isPaused: boolean): void {
    const container = this.#containers.setPaused(id, isPaused);
    if (container) this.#options.onPause?.(container, isPaused);
  }

  waitContainer(id: ContainerId, signal: AbortSignal): Promise<number> {
    return this.#faults.run('waitContainer', id, signal, () => this.#containers.wait(id, signal));
  }

  removeContainer(id: ContainerId, signal: AbortSignal): Promise<void> {
    return this.#faults.run('removeContainer', id, signal, () => this.#containers.remove(id));
  }

  containerLogs(
    id: ContainerId,
    options: { follow: boolean; tailLines?: number },
    signal: AbortSignal,
  ): AsyncIterable<LogChunk> {
    return this.#containers.logs(id, options, signal);
  }

  exec(
    id: ContainerId,
    command: readonly string[],
    _options: { user?: string; environ?: readonly string[] },
    signal: AbortSignal,
  ): Promise<ExecResult> {
    return this.#faults.run('exec', id, signal, async () => {
      const container = this.#containers.require(id);
      if (!container.running) throw failed(409, `container ${id} is not running`);
      const nothing = { exitCode: 0, stdout: new Uint8Array(), stderr: new Uint8Array() };
      return (await this.#options.onExec?.(container, command)) ?? nothing;
    });
  }

  listProcesses(id: ContainerId, signal: AbortSignal): Promise<readonly number[]> {
    return this.#faults.run('listProcesses', id, signal, () => {
      const container = this.#containers.require(id);
      return container.running ? [container.pid] : [];
    });
  }

  /** null: nothing runs that could be measured. */
  containerFigures(id: ContainerId, signal: AbortSignal): Promise<EngineFigures | null> {
    return this.#faults.run('containerFigures', id, signal, () => null);
  }

  createNetwork(spec: NetworkSpec, signal: AbortSignal): Promise<string> {
    return this.#faults.run('createNetwork', spec.name, signal, () => this.#networks.create(spec));
  }

  inspectNetwork(name: string, signal: AbortSignal): Promise<EngineNetwork | null> {
    return this.#faults.run('inspectNetwork', name, signal, () => this.#networks.get(name));
  }

  listNetworks(labels: WantedLabels, signal: AbortSignal): Promise<readonly EngineNetwork[]> {
    return this.#faults.run('listNetworks', '', signal, () =>
      this.#networks.list().filter((network) => hasLabels(network.labels, labels)),
    );
  }

  connectContainer(id: ContainerId, network: string, signal: AbortSignal): Promise<void> {
    return this.#faults.run('connectContainer', id, signal, () => this.#networks.connect(network, id));
  }

  removeNetwork(name: string, signal: AbortSignal): Promise<void> {
    return this.#faults.run('removeNetwork', name, signal, () => this.#networks.remove(name));
  }

  readMark(name: string, signal: AbortSignal): Promise<string | null> {
    return this.#faults.run('readMark', name, signal, () => this.#marks.get(name) ?? null);
  }

  leaveMark(name: string, text: string, signal: AbortSignal): Promise<void> {
    return this.#faults.run('leaveMark', name, signal, () => void this.#marks.set(name, text));
  }

  removeMark(name: string, signal: AbortSignal): Promise<void> {
    return this.#faults.run('removeMark', name, signal, () => void this.#marks.delete(name));
  }

  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#events.read(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#containers.end();
  }
}

async function drain(stream: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void> {
  await stream.pipeTo(new WritableStream(), { signal });
}
