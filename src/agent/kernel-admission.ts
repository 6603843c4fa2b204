/** What must hold before a kernel is made or made again, and the specification that it then gets. */
import { assertFree } from '../kernel/kernel-names.ts';
import type { KernelRecord } from '../kernel/record.ts';
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';
import type { CreateRequest, ImageProgress } from './agent.ts';
import type { AgentParts } from './agent-parts.ts';
import { checkRequest, compileSpec, requestedId } from './create-request.ts';

export type KernelAdmissionParts = Pick<
  AgentParts,
  'kernels' | 'images' | 'ociRuntimes' | 'defaults' | 'capacity' | 'assertRoom' | 'checkMounts' | 'fitLimits'
>;

/** Makes kernels as requests ask for them, or refuses, and knows what there was to warn of. */
export class KernelAdmission implements Disposable {
  readonly #parts: KernelAdmissionParts;
  readonly #warnings = new Map<KernelId, readonly string[]>();
  readonly #hooks: Disposable;

  constructor(parts: KernelAdmissionParts) {
    this.#parts = parts;
    this.#hooks = parts.kernels.register({ ended: ({ spec }) => this.#warnings.delete(spec.id) });
  }

  /** As `Agent.create`. */
  async create(
    request: CreateRequest,
    signal: AbortSignal,
    onProgress: (progress: ImageProgress) => void,
  ): Promise<KernelRecord> {
    const { kernels, images, defaults, capacity, assertRoom } = this.#parts;
    checkRequest(request, defaults, capacity);
    await assertRoom();
    this.assertEngine();
    const id = requestedId(request);
    assertFree(
      { id, name: request.name ?? null },
      kernels.list().map(({ spec }) => spec),
    );
    await this.#assertRuntime(request.ociRuntime ?? defaults.ociRuntime, signal);
    const mounts = await this.#parts.checkMounts(request.mounts);
    const wish = {
      reference: request.image,
      language: request.language,
      pull: request.pull ?? defaults.pull,
      auth: request.registryAuth,
    };
    const found = await images.find(wish, onProgress, signal);
    signal.throwIfAborted();
    const { id: imageId, volumes, command } = found.image;
    const { baseDistro: distro, coreCountVariables } = found.contract;
    const image = { reference: found.reference, id: imageId, volumes, distro, coreCountVariables };
    const chosen = { image, runtime: found.runtime, command, services: found.contract.servicePorts };
    const { limits, warnings } = await this.#parts.fitLimits(signal);
    const spec = compileSpec(id, { ...request, mounts }, chosen, defaults, limits);
    const record = await kernels.create(spec, signal);
    const all = [...found.warnings, ...warnings];
    // Of one that has ended already nothing more is published, and nobody would drop its warnings.
    if (all.length > 0 && kernels.get(id).phase !== 'terminated') this.#warnings.set(id, all);
    return record;
  }

  /** As `Agent.restore`. */
  async restore(id: string, signal: AbortSignal): Promise<KernelRecord> {
    const { kernels, defaults, checkMounts, assertRoom } = this.#parts;
    await assertRoom();
    const kept = await kernels.keptOf(id);
    // What may be mounted, and the runtimes, may have changed since.
    await checkMounts(kept.record?.spec.mounts ?? []);
    const runtime = kept.record?.spec.ociRuntime ?? null;
    if (runtime === null && defaults.ociRuntime !== null) {
      throw new KerneletError(
        'NOT_SUPPORTED',
        `kernel ${id} ran under the engine's own runtime, and kernels of this node run under ${defaults.ociRuntime}: take its files with \`kernelet restore --to\``,
      );
    }
    await this.#assertRuntime(runtime, signal);
    return await kernels.restore(kept, signal);
  }

  /** What was to be warned of when a kernel was made. */
  warningsOf(id: KernelId): readonly string[] {
    return this.#warnings.get(id) ?? [];
  }

  /**
   * Throws before anything is brought into an engine that is perhaps another than the one that has the kernels:
   * ENGINE_CHANGED.
   */
  assertEngine(): void {
    const problem = this.#parts.kernels.engineProblem();
    if (problem) throw problem;
  }

  [Symbol.dispose](): void {
    this.#hooks[Symbol.dispose]();
  }

  async #assertRuntime(name: string | null, signal: AbortSignal): Promise<void> {
    if (name !== null) await this.#parts.ociRuntimes.assertUsable(name, signal);
  }
}
