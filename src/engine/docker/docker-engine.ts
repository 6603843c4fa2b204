/** The Engine over the Docker API, on a UNIX socket of this machine. */
import { isAbsolute } from 'node:path';
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
import type { Confinement } from './container-body.ts';
import { DockerContainers } from './containers.ts';
import { appArmorProfileOf, readEngineInfo, readOpenFilesLimit } from './engine-info.ts';
import { readEvents } from './events.ts';
import { DockerImages } from './images.ts';
import { DockerMarks } from './marks.ts';
import { DockerNetworks } from './networks.ts';
import { DockerOutput } from './output.ts';
import { readMaskedPaths } from './system-paths.ts';
import { DockerTransport } from './transport.ts';
import { VersionedTransport } from './versioned-transport.ts';

/** Where Docker has its data unless its configuration says otherwise. */
export const defaultDataRoot = '/var/lib/docker';

/** How to reach the engine. */
export interface DockerEngineOptions {
  /** As in `DOCKER_HOST`; the usual socket when absent or empty. */
  readonly dockerHost?: string | undefined;
  readonly clock?: Clock;
}

/** A Docker engine (or one that speaks its API, from 1.41). Nothing is sent before the first call. */
export class DockerEngine implements Engine {
  readonly kind = 'docker';
  readonly rulesChain = 'DOCKER-USER';
  readonly gatewayNetwork = 'docker_gwbridge';
  readonly address: string;
  readonly #plain: DockerTransport;
  readonly #transport: VersionedTransport;
  readonly #images: DockerImages;
  readonly #containers: DockerContainers;
  readonly #output: DockerOutput;
  readonly #networks: DockerNetworks;
  readonly #marks: DockerMarks;
  readonly #clock: Clock;
  readonly #commits = new CommitsUnderWay();
  /** As the engine last described itself; null = it has not yet. */
  #confinement: Confinement | null = null;

  /** Throws ENGINE_UNSUPPORTED when `dockerHost` is not a UNIX socket of this machine. */
  constructor(options: DockerEngineOptions = {}) {
    const socketPath = parseDockerHost(options.dockerHost);
    this.address = `unix://${socketPath}`;
    this.#clock = options.clock ?? systemClock;
    this.#plain = new DockerTransport(socketPath);
    this.#transport = new VersionedTransport(this.#plain);
    this.#images = new DockerImages(this.#transport);
    this.#containers = new DockerContainers(this.#transport, this.#clock);
    this.#output = new DockerOutput(this.#transport, this.#containers, this.#clock);
    this.#networks = new DockerNetworks(this.#transport);
    this.#marks = new DockerMarks(this.#transport);
  }

  async ping(signal: AbortSignal): Promise<void> {
    // What may be repeated goes over connections that are there.
    const request = { method: 'HEAD', path: '/_ping', what: 'answer', idempotent: false } as const;
    await this.#plain.json(request, signal);
  }

  /** Also throws ENGINE_UNSUPPORTED when the engine's API is too old or too new. */
  async info(signal: AbortSignal): Promise<EngineInfo> {
    return (await this.#describe(signal)).info;
  }

  async #describe(signal: AbortSignal): Promise<{ readonly info: EngineInfo; readonly confinement: Confinement }> {
    const version = await this.#transport.version(signal);
    const request = { method: 'GET', path: '/info', what: 'describe itself' } as const;
    const info = readEngineInfo((await this.#transport.json(request, signal)).value, version);
    const [openFilesLimit, maskedPaths] = await Promise.all([
      readOpenFilesLimit(this.#plain.socketPath),
      readMaskedPaths(),
    ]);
    const confinement = { appArmorProfile: appArmorProfileOf(info, version), maskedPaths };
    this.#confinement = confinement;
    return { info: openFilesLimit === undefined ? info : { ...info, openFilesLimit }, confinement };
  }

  /** The engine makes its default network anew at each start, unless containers outlive that. */
  startedAt(signal: AbortSignal): Promise<number | null> {
    return this.#networks.madeAt('bridge', signal);
  }

  listImages(signal: AbortSignal): Promise<readonly EngineImage[]> {
    return this.#images.list(signal);
  }

  inspectImage(reference: string, signal: AbortSignal): Promise<EngineImage> {
    return this.#images.inspect(reference, signal);
  }

  pullImage(
    reference: string,
    options: { auth?: RegistryAuth; onProgress?: (progress: Progress) => void },
    signal: AbortSignal,
  ): Promise<void> {
    return this.#images.pull(reference, options, signal);
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
    return this.#images.build(context, options, signal);
  }

  importImage(tar: ReadableStream<Uint8Array>, reference: string, signal: AbortSignal): Promise<void> {
    return this.#images.import(tar, reference, signal);
  }

  tagImage(reference: string, newReference: string, signal: AbortSignal): Promise<void> {
    return this.#images.tag(reference, newReference, signal);
  }

  removeImage(reference: string, options: ImageRemoval, signal: AbortSignal): Promise<void> {
    return this.#images.remove(reference, options, signal);
  }

  pushImage(
    reference: string,
    options: { auth?: RegistryAuth; onProgress?: (progress: Progress) => void },
    signal: AbortSignal,
  ): Promise<void> {
    return this.#images.push(reference, options, signal);
  }

  exportImage(reference: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#images.export(reference, signal);
  }

  commitContainer(id: ContainerId, options: CommitOptions, signal: AbortSignal): Promise<string> {
    return this.#commits.during(id, () => this.#containers.commit(id, options, signal));
  }

  isCommitting(id: ContainerId): boolean {
    return this.#commits.has(id);
  }

  async createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<ContainerId> {
    const confinement = this.#confinement ?? (await this.#describe(signal)).confinement;
    return await this.#containers.create(spec, confinement, signal);
  }

  startContainer(id: ContainerId, signal: AbortSignal): Promise<void> {
    return this.#containers.start(id, signal);
  }

  inspectContainer(idOrName: string, signal: AbortSignal): Promise<ContainerDetail | null> {
    return this.#containers.inspect(idOrName, signal);
  }

  isLink(id: ContainerId, path: string, signal: AbortSignal): Promise<boolean> {
    return this.#containers.isLink(id, path, signal);
  }

  readFile(
    id: ContainerId,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | 'absent' | 'no-file'> {
    return this.#containers.readFile(id, path, maxBytes, signal);
  }

  listContainers(labels: WantedLabels, signal: AbortSignal): Promise<readonly ContainerSummary[]> {
    return this.#containers.list(labels, signal);
  }

  killContainer(id: ContainerId, killSignal: string, signal: AbortSignal): Promise<void> {
    return this.#containers.kill(id, killSignal, signal);
  }

  pauseContainer(id: ContainerId, signal: AbortSignal): Promise<void> {
    return this.#containers.pause(id, signal);
  }

  resumeContainer(id: ContainerId, signal: AbortSignal): Promise<void> {
    return this.#containers.resume(id, signal);
  }

  waitContainer(id: ContainerId, signal: AbortSignal): Promise<number> {
    return this.#containers.wait(id, signal);
  }

  removeContainer(id: ContainerId, signal: AbortSignal): Promise<void> {
    return this.#containers.remove(id, signal);
  }

  containerLogs(
    id: ContainerId,
    options: { follow: boolean; tailLines?: number },
    signal: AbortSignal,
  ): AsyncIterable<LogChunk> {
    return this.#output.logs(id, options, signal);
  }

  exec(
    id: ContainerId,
    command: readonly string[],
    options: { user?: string; environ?: readonly string[] },
    signal: AbortSignal,
  ): Promise<ExecResult> {
    return this.#output.exec(id, command, options, signal);
  }

  listProcesses(id: ContainerId, signal: AbortSignal): Promise<readonly number[]> {
    return this.#containers.processes(id, signal);
  }

  containerFigures(id: ContainerId, signal: AbortSignal): Promise<EngineFigures | null> {
    return this.#containers.figures(id, signal);
  }

  createNetwork(spec: NetworkSpec, signal: AbortSignal): Promise<string> {
    return this.#networks.create(spec, signal);
  }

  inspectNetwork(name: string, signal: AbortSignal): Promise<EngineNetwork | null> {
    return this.#networks.inspect(name, signal);
  }

  listNetworks(labels: WantedLabels, signal: AbortSignal): Promise<readonly EngineNetwork[]> {
    return this.#networks.list(labels, signal);
  }

  connectContainer(id: ContainerId, network: string, signal: AbortSignal): Promise<void> {
    return this.#networks.connect(id, network, signal);
  }

  removeNetwork(name: string, signal: AbortSignal): Promise<void> {
    return this.#networks.remove(name, signal);
  }

  readMark(name: string, signal: AbortSignal): Promise<string | null> {
    return this.#marks.read(name, signal);
  }

  leaveMark(name: string, text: string, signal: AbortSignal): Promise<void> {
    return this.#marks.leave(name, text, signal);
  }

  removeMark(name: string, signal: AbortSignal): Promise<void> {
    return this.#marks.remove(name, signal);
  }

  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return readEvents(this.#transport, this.#clock, signal);
  }

  /** Closes its connections; calls under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#transport[Symbol.dispose]();
  }
}

/** Where Docker listens when nothing else is said. */
export const defaultDockerHost = 'unix:///var/run/docker.sock';

/**
 * The path of the socket that `dockerHost` names; the usual one when it is absent or empty. Throws ENGINE_UNSUPPORTED
 * for anything but `unix://` and an absolute path: kernels share folders and sockets with this machine, so an engine
 * elsewhere cannot serve.
 */
export function parseDockerHost(dockerHost: string | undefined): string {
  const host = dockerHost || defaultDockerHost;
  const path = host.startsWith('unix://') ? host.slice('unix://'.length) : '';
  if (isAbsolute(path) && !path.includes('\0')) return path;
  throw new KerneletError(
    'ENGINE_UNSUPPORTED',
    `DOCKER_HOST is ${JSON.stringify(host.slice(0, 200))}, but kernelet needs a local engine on a UNIX socket: set it to unix:///path/to/docker.sock`,
    { context: { dockerHost: host.slice(0, 200) } },
  );
}
