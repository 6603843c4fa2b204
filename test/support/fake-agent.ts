/**
 * The agent of nodes over the dummy engine, for tests of the interfaces. It is the real one: a test plants what runs say and
 * which files there are, and looks at what was asked; where it needs another answer it overrides that one method.
 */
import type { CreateRequest, EndOptions, ImageProgress, KernelView, LogPiece } from '../../src/agent/agent.ts';
import type { AgentParts } from '../../src/agent/agent-parts.ts';
import { DefaultAgent } from '../../src/agent/default-agent.ts';
import type { DummyEngine } from '../../src/engine/dummy/dummy-engine.ts';
import { dummyImage } from '../../src/engine/dummy/dummy-images.ts';
import type { EngineImage, ImageRemoval } from '../../src/engine/engine.ts';
import type { NumberedKernelEvent } from '../../src/events/kernel-event.ts';
import type { KernelRecord } from '../../src/kernel/record.ts';
import { KerneletError } from '../../src/lib/errors.ts';
import type { ServiceOptions, ServiceOutcome } from '../../src/protocol/kernel-services.ts';
import { testAgentParts } from './agent-fixture.ts';
import type { KernelsFixture } from './kernels-fixture.ts';
import { Planted, PlantedRunner } from './planted-runner.ts';

export type { PlantedEvent, PlantedRun } from './planted-runner.ts';

const image = (reference: string, labels: Readonly<Record<string, string>> = {}): EngineImage =>
  dummyImage(reference, { labels, sizeBytes: 1 });
const python = {
  'ai.backend.kernelspec': '1',
  'ai.backend.runtime-type': 'python',
  'ai.backend.service-ports': 'jupyter:http:8888',
};

/** The images of the languages, so that nothing is built, and one of nobody. */
const images = [
  image('kernelet/python:latest', python),
  ...['gcc', 'nodejs', 'shell'].map((name) => image(`kernelet/${name}:latest`)),
  image('debian:latest'),
];

/** The agent. Plant what its runners should do, then look at what was asked of it. */
export class FakeAgent extends DefaultAgent {
  readonly creations: CreateRequest[] = [];
  /** What was asked, a line each, in order. */
  readonly calls: string[] = [];
  readonly runs;
  readonly files;
  readonly folders;
  readonly unpacked;
  readonly archives;
  readonly lies;
  readonly consumed;
  readonly plantedPorts;
  readonly engine: DummyEngine;
  /** Runs before a creation begins; may wait or throw. */
  whileCreating: (signal: AbortSignal, onProgress: (progress: ImageProgress) => void) => Promise<void> = async () => {};
  /** In place of the log of events. */
  kernelHistory: readonly NumberedKernelEvent[] | null = null;
  /** In place of the log of a container, since pieces of bytes can be told apart here. */
  logPieces: readonly LogPiece[] | null = null;
  readonly #planted: Planted;
  readonly #fixture: KernelsFixture;

  private constructor(parts: AgentParts, planted: Planted, fixture: KernelsFixture) {
    super(parts);
    this.#planted = planted;
    this.#fixture = fixture;
    this.engine = fixture.dummy;
    ({
      runs: this.runs,
      files: this.files,
      folders: this.folders,
      unpacked: this.unpacked,
      archives: this.archives,
      lies: this.lies,
      consumed: this.consumed,
      ports: this.plantedPorts,
    } = planted);
  }

  /** Starts one with a folder of its own, which its disposal deletes. */
  static async start(): Promise<FakeAgent> {
    const planted = new Planted();
    const { parts, kernels } = await testAgentParts({
      dummy: { images, onPull: pulled },
      parts: { connectRunner: () => new PlantedRunner(planted) },
      settings: { keptHomes: { keepMs: 3_600_000, maxBytes: 2 ** 30 } },
    });
    const defaults = { ...parts.defaults, memoryBytes: 2 ** 30, processes: 512, pull: 'missing' } as const;
    const agent = new FakeAgent({ ...parts, defaults }, planted, kernels);
    await agent.start({ retry: false });
    return agent;
  }

  get kernels(): ReadonlyMap<string, KernelRecord> {
    return new Map(this.#fixture.kernels.registry.list().map((record) => [record.spec.id, record]));
  }

  set changes(changes: Planted['changes']) {
    this.#planted.changes = changes;
  }

  set script(script: Planted['script']) {
    this.#planted.script = script;
  }

  override async create(
    request: CreateRequest,
    signal: AbortSignal,
    onProgress: (progress: ImageProgress) => void = () => {},
  ): Promise<KernelView> {
    this.creations.push(request);
    await this.whileCreating(signal, onProgress);
    return await super.create(request, signal, onProgress);
  }

  override async destroy(id: string, options: EndOptions): Promise<KernelView> {
    const kernel = await super.destroy(id, options);
    this.calls.push(`destroy ${kernel.id} ${options.force ? 'force' : 'gentle'}`);
    return kernel;
  }

  override async startService(
    id: string,
    name: string,
    options: ServiceOptions,
    signal: AbortSignal,
  ): Promise<ServiceOutcome> {
    this.calls.push(`start service ${name} ${JSON.stringify(options)}`);
    return await super.startService(id, name, options, signal);
  }

  override async stopService(id: string, name: string, signal: AbortSignal): Promise<void> {
    await super.stopService(id, name, signal);
    this.calls.push(`stop service ${name}`);
  }

  override async removeImage(reference: string, options: ImageRemoval, signal: AbortSignal): Promise<void> {
    await super.removeImage(reference, options, signal);
    this.calls.push(`remove image ${reference}${options.force ? ' force' : ''}`);
  }

  override kernelEvents(options: { after: number; follow: boolean }, signal: AbortSignal) {
    return this.kernelHistory === null ? super.kernelEvents(options, signal) : planted(this.kernelHistory, options);
  }

  override async *logs(id: string, options: { follow: boolean }, signal: AbortSignal): AsyncIterable<LogPiece> {
    if (this.logPieces === null) return yield* super.logs(id, options, signal);
    await this.inspect(id);
    yield* this.logPieces;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#fixture.remove();
  }
}

async function* planted(history: readonly NumberedKernelEvent[], { after }: { after: number }) {
  yield* history.filter(({ sequence }) => sequence > after);
}

/** What the registry has: everything but what is called absent. */
function pulled(reference: string): EngineImage {
  if (reference.includes('absent')) throw new KerneletError('IMAGE_PULL_FAILED', `${reference} cannot be pulled`);
  return image(reference);
}
