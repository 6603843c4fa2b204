/** The real engine for tests, and a ledger of what a test makes in it, so that nothing is left. */
import { randomBytes } from 'node:crypto';
import { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import type { ContainerSpec, LogChunk, NetworkSpec } from '../../src/engine/engine.ts';
import type { KernelSpec } from '../../src/kernel/spec.ts';
import type { ContainerId } from '../../src/lib/ids.ts';
import { packFiles } from '../../src/lib/tar.ts';
import { containerSpec } from './engine-fixtures.ts';

/** Marks everything that tests make. */
const testLabel = 'kernelet.test';
/** An image that is there on every machine on which tests run (`npm test` makes it). */
export const baseImage = 'kernelet/base:latest';

/** A signal that aborts after `ms`: every call of a test is bounded. */
export const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

/** A name that no other test uses. */
export const uniqueName = (prefix: string): string => `${prefix}-${randomBytes(6).toString('hex')}`;

/**
 * The engine at DOCKER_HOST. Throws when none answers, or when it lacks the base image: a test that needs an engine
 * never passes without one.
 */
export async function connectTestEngine(dockerHost = process.env['DOCKER_HOST']): Promise<DockerEngine> {
  const engine = new DockerEngine({ dockerHost });
  await engine.ping(within(10_000));
  await engine.inspectImage(baseImage, within(10_000));
  return engine;
}

/** The base image as a kernel's specification names it. */
export async function kernelImage(engine: DockerEngine): Promise<KernelSpec['image']> {
  const { id } = await engine.inspectImage(baseImage, within(10_000));
  return { reference: baseImage, id, volumes: [], distro: null, coreCountVariables: [] };
}

/** A container that runs a shell script, with small limits. */
export function shellSpec(script: string, change: Partial<ContainerSpec> = {}): ContainerSpec {
  return containerSpec({
    name: uniqueName('kernelet-test'),
    image: baseImage,
    entrypoint: ['/bin/sh', '-c'],
    command: [script],
    ...change,
    labels: { [testLabel]: '1', ...change.labels },
  });
}

/** What tests make in an engine; disposing removes it, whatever became of the test. */
export class EngineLedger implements AsyncDisposable {
  readonly engine: DockerEngine;
  readonly #undo = new AsyncDisposableStack();

  constructor(engine: DockerEngine) {
    this.engine = engine;
  }

  /** Creates a container that is removed at the end. */
  async create(spec: ContainerSpec): Promise<ContainerId> {
    const id = await this.engine.createContainer(spec, within(30_000));
    this.#undo.defer(() => this.engine.removeContainer(id, within(30_000)));
    return id;
  }

  async run(spec: ContainerSpec): Promise<ContainerId> {
    const id = await this.create(spec);
    await this.engine.startContainer(id, within(30_000));
    return id;
  }

  /** Creates a network that is removed at the end, after the containers made later. */
  async network(change: Partial<NetworkSpec> = {}): Promise<string> {
    const name = change.name ?? uniqueName('kernelet-test');
    this.#undo.defer(() => this.engine.removeNetwork(name, within(30_000)));
    const labels = { [testLabel]: '1', ...change.labels };
    await this.engine.createNetwork({ ...change, name, labels }, within(30_000));
    return name;
  }

  /** Notes an image that is removed at the end. */
  image(reference: string): string {
    this.#undo.defer(() => this.engine.removeImage(reference, { force: true }, within(30_000)));
    return reference;
  }

  /** Builds an image of these lines on top of the base image, which is removed at the end. Gives its reference. */
  async build(lines: readonly string[]): Promise<string> {
    const reference = this.image(`${uniqueName('kernelet-test')}:latest`);
    const context = packFiles([{ name: 'Dockerfile', content: [`FROM ${baseImage}`, ...lines].join('\n') }]);
    await this.engine.buildImage(context, { reference, buildArguments: {}, labels: {} }, within(60_000));
    return reference;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}

/** What a container or command printed, as text by stream. */
export async function collect(chunks: AsyncIterable<LogChunk>): Promise<{ stdout: string; stderr: string }> {
  const parts: Record<LogChunk['stream'], Uint8Array[]> = { stdout: [], stderr: [] };
  for await (const { stream, data } of chunks) parts[stream].push(data);
  return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() };
}
