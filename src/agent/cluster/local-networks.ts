/** Networks for the kernels of one session on this node, which managers order (spec rpc 8.25, 8.26). */
import type { Engine } from '../../engine/engine.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { hasCode, KerneletError } from '../../lib/errors.ts';

/** The label that upstream's networks have too. */
const label = 'ai.backend.cluster-network';
/** Containers that are being removed hold their network for a moment. */
const busyPatienceMs = 10_000;
const busyPauseMs = 250;

/** The networks. */
export class LocalNetworks {
  readonly #engine: Pick<Engine, 'createNetwork' | 'inspectNetwork' | 'removeNetwork'>;
  readonly #clock: Clock;

  constructor(engine: Pick<Engine, 'createNetwork' | 'inspectNetwork' | 'removeNetwork'>, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Makes one; one that is there already is taken. Throws INVALID_ARGUMENT when the name is somebody else's. */
  async create(name: string, signal: AbortSignal): Promise<void> {
    if (await this.#isOurs(name, signal)) return;
    try {
      await this.#engine.createNetwork({ name, driver: 'bridge', labels: { [label]: '1' }, options: {} }, signal);
    } catch (error) {
      // Another call was faster.
      if (!hasCode(error, 'ENGINE_FAILED') || !(await this.#isOurs(name, signal))) throw error;
    }
  }

  /** Removes one; one that is gone is fine. Throws INVALID_ARGUMENT, or ENGINE_FAILED while containers stay in it. */
  async destroy(name: string, signal: AbortSignal): Promise<void> {
    if (!(await this.#isOurs(name, signal))) return;
    for (const until = this.#clock.monotonic() + busyPatienceMs; ; ) {
      try {
        await this.#engine.removeNetwork(name, signal);
        return;
      } catch (error) {
        if (!hasCode(error, 'ENGINE_FAILED') || this.#clock.monotonic() >= until) throw error;
        await sleep(this.#clock, busyPauseMs, signal);
      }
    }
  }

  async #isOurs(name: string, signal: AbortSignal): Promise<boolean> {
    const found = await this.#engine.inspectNetwork(name, signal);
    if (found === null) return false;
    if (found.labels[label] === '1') return true;
    throw new KerneletError(
      'INVALID_ARGUMENT',
      `the network ${name} is none of a session: it lacks the label ${label}`,
    );
  }
}
