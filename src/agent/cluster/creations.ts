/**
 * Kernels as managers create them: some of one session in one call, which succeeds as a whole or leaves nothing; the
 * same call again has the same answer (spec rpc 8.6).
 */
import { hasCode } from '../../lib/errors.ts';
import type { KernelId, SessionId } from '../../lib/ids.ts';
import type { CreationInfo } from '../../wire/cluster/creation-info.ts';
import type { Agent, CreateRequest } from '../agent.ts';
import { type NamedImage, needsPull } from './pull-need.ts';
import { Turnstile } from './turnstile.ts';

/** A kernel that a manager wants. */
export interface OrderedKernel {
  readonly id: KernelId;
  readonly session: SessionId;
  /** Without the policy of pulling, which depends on what is here. */
  readonly request: Omit<CreateRequest, 'id' | 'sessionId' | 'pull'> & { readonly image: string };
  readonly pull: NamedImage['pull'];
  readonly imageId: string;
  /** What of the order is left out, for the log. */
  readonly warnings: readonly string[];
}

/** What managers are told on the way. */
export interface CreationNews {
  tellPulling(kernel: KernelId, session: SessionId, image: string): void;
  /** Resources were not there that the manager took for free. */
  askResourceCheck(): void;
  keepQuiet(kernel: KernelId): Promise<void>;
}

/** What creations work with. */
export interface CreationsParts {
  readonly agent: Pick<Agent, 'create' | 'list' | 'destroy' | 'inspectImage'>;
  readonly news: CreationNews;
  readonly infoOf: (kernel: KernelId) => CreationInfo;
  /** Kernels that are created at once. */
  readonly concurrency: number;
}

/** The creations that are going on. */
export class Creations {
  readonly #parts: CreationsParts;
  readonly #turnstile: Turnstile;
  readonly #open = new Map<KernelId, Promise<CreationInfo>>();

  constructor(parts: CreationsParts) {
    this.#parts = parts;
    this.#turnstile = new Turnstile(parts.concurrency);
  }

  /** Whether a call is creating this kernel, though nothing of it may be here yet. */
  isCreating(kernel: KernelId): boolean {
    return this.#open.has(kernel);
  }

  /**
   * Creates all of them and says what managers are told of each. When one fails, those that this call has made are ended
   * again. Throws what the agent's `create` throws; several failures as an AggregateError.
   */
  async create(orders: readonly OrderedKernel[], signal: AbortSignal): Promise<readonly CreationInfo[]> {
    const live = new Set((await this.#parts.agent.list({ all: false })).map(({ id }) => id));
    const made = orders.filter(({ id }) => !live.has(id) && !this.#open.has(id));
    const outcomes = await Promise.allSettled(orders.map((order) => this.#one(order, live, signal)));
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    if (failures.length === 0) return outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await this.#undo(made);
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'several kernels could not be created');
  }

  #one(order: OrderedKernel, live: ReadonlySet<KernelId>, signal: AbortSignal): Promise<CreationInfo> {
    const { id } = order;
    const open = this.#open.get(id);
    if (open) return open;
    if (live.has(id)) return Promise.resolve(this.#parts.infoOf(id));
    const making = this.#turnstile.run(() => this.#make(order, signal), signal).finally(() => this.#open.delete(id));
    this.#open.set(id, making);
    return making;
  }

  async #make(order: OrderedKernel, signal: AbortSignal): Promise<CreationInfo> {
    const { agent, news, infoOf } = this.#parts;
    const { id, session, request } = order;
    const pull = await this.#policy(order, signal);
    try {
      await agent.create({ ...request, id, sessionId: session, pull }, signal);
    } catch (error) {
      if (hasCode(error, 'INSUFFICIENT_RESOURCES')) news.askResourceCheck();
      throw error;
    }
    return infoOf(id);
  }

  /** What is to be done for the image, told to managers when that is pulling. */
  async #policy({ id, session, request, pull, imageId }: OrderedKernel, signal: AbortSignal) {
    if (pull === 'none') return 'never';
    if (!(await needsPull(this.#parts.agent, { image: request.image, pull, imageId }, signal))) return 'missing';
    this.#parts.news.tellPulling(id, session, request.image);
    return 'always';
  }

  /** The failure of the call is what managers go by, so these ends are not told. */
  async #undo(made: readonly OrderedKernel[]): Promise<void> {
    const { agent, news } = this.#parts;
    const live = new Set((await agent.list({ all: false })).map(({ id }) => id));
    const left = made.filter(({ id }) => live.has(id));
    await Promise.allSettled(
      left.map(async ({ id }) => {
        await news.keepQuiet(id);
        return await agent.destroy(id, { force: true, reason: 'failed-to-create' });
      }),
    );
  }
}
