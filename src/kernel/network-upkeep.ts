/** What sees again and again that the networks of kernels are as they are to be. */
import { toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { PrewarmedNetworkPool } from '../network/prewarmed-network-pool.ts';
import type { EngineIdentityGuard } from './reconciliation/engine-identity-guard.ts';
import type { KernelRecord } from './record.ts';

/** The networks that live kernels are on. */
export interface NetworksInUse {
  /** Whether one is on the agent's own bridge. */
  readonly bridge: boolean;
  /** Those of sessions and operators, by name. */
  readonly named: ReadonlySet<string>;
}

/** What networks are looked after with. */
export interface NetworkUpkeepParts {
  readonly engineGuard: Pick<EngineIdentityGuard, 'problem'>;
  readonly prewarmedNetworks: Pick<PrewarmedNetworkPool, 'reconcile'>;
  /** Looks after the networks that kernels are on; called now and then. */
  readonly keepNetworks?: (inUse: NetworksInUse, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
}

/** How long the comparison of the prewarmed networks may take. */
const prewarmedMs = 10_000;

/** Looks after the networks, unless another engine answers than the one that has the kernels. */
export class NetworkUpkeep {
  readonly #parts: NetworkUpkeepParts;
  #problem: string | null = null;

  constructor(parts: NetworkUpkeepParts) {
    this.#parts = parts;
  }

  /** Why the networks could not be kept as they are to be, when that was tried last; null = they are. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Firewalls are reloaded and flushed without a word, so this is done again and again. Never rejects. */
  async keep(records: readonly KernelRecord[], signal: AbortSignal): Promise<void> {
    const { engineGuard, keepNetworks, log } = this.#parts;
    if (engineGuard.problem) return;
    const networks = records.filter(({ phase }) => phase !== 'terminated').map(({ spec }) => spec.network);
    const named = new Set(networks.flatMap((network) => (typeof network === 'object' ? [network.name] : [])));
    try {
      await keepNetworks?.({ bridge: networks.includes('bridge'), named }, signal);
      this.#problem = null;
    } catch (error) {
      if (signal.aborted) return;
      log.warn('the networks could not be restored', { error });
      this.#problem = toKerneletError(error).message;
    }
  }

  /** Prewarmed networks make creations faster, no more: without them everything works. Never rejects. */
  async reconcilePrewarmed(signal: AbortSignal): Promise<void> {
    const { engineGuard, prewarmedNetworks, log } = this.#parts;
    if (engineGuard.problem) return;
    await prewarmedNetworks
      .reconcile(AbortSignal.any([signal, AbortSignal.timeout(prewarmedMs)]))
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn('prewarmed networks cannot be compared with those of the engine', { error });
      });
  }
}
