/**
 * The one network of this agent: a bridge of its own in which containers can't talk to each other, behind firewall
 * rules. Made when the first kernel needs it, removed when the agent stops without kernels.
 */
import type { Engine, EngineNetwork } from '../engine/engine.ts';
import { systemClock } from '../lib/clock.ts';
import { type Deadline, withDeadline } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { KeyedMutex } from '../lib/semaphore.ts';
import { objectLabels } from '../protocol/image-contract.ts';
import type { RefusedFacts, RefusedServices } from './cluster-services.ts';
import { Firewall } from './firewall/firewall.ts';
import type { PacketFilter } from './firewall/packet-filter.ts';
import type { MetadataTarget } from './firewall/rule-set.ts';

/** How to make the bridge. */
export interface BridgeOptions {
  readonly engine: Engine;
  /** 8 hex digits of the state folder. */
  readonly tag: string;
  /** The agent's id, as a label for people. */
  readonly agentId: string;
  readonly log: Logger;
  readonly packetFilter: PacketFilter;
  readonly refusedServices: RefusedServices;
  /** How many connections begun by one kernel the host follows at a time; 0 = no limit. */
  readonly connectionLimit: number;
  /** Where kernels are led that ask for metadata; absent = nowhere. */
  readonly metadata?: (() => MetadataTarget | null) | undefined;
}

const ownerLabel = 'ai.kernelet.network-of';
const deadlineMs = 30_000;
/** How long a sighting of the network counts: somebody may remove an unused one behind our back. */
const seenForMs = 2_000;

/** Makes the bridge and its rules, restores and removes them; safe to call side by side. */
export class Bridge {
  readonly name: string;
  readonly interfaceName: string;
  readonly #options: BridgeOptions;
  readonly #firewall: Firewall;
  readonly #mutex = new KeyedMutex<'bridge'>();
  /** When network and rules were last seen, in monotonic milliseconds; null = not since the start or a doubt. */
  #seenAt: number | null = null;
  #filtered = false;

  constructor(options: BridgeOptions) {
    this.name = `kernelet-${options.tag}`;
    this.interfaceName = `kl-${options.tag}`;
    this.#options = options;
    const { engine, tag, packetFilter: filter, connectionLimit, log } = options;
    const scope = { tag, interfaces: this.interfaceName, kind: 'isolated', connectionLimit } as const;
    const { rulesChain } = engine;
    this.#firewall = new Firewall(scope, { filter, rulesChain, clock: systemClock, log });
  }

  /** How often somebody else had removed the rules. */
  get restored(): number {
    return this.#firewall.restored;
  }

  /** Makes sure that the network and its rules are there; cheap when they are known to be. */
  async ensure(deadline: Deadline): Promise<void> {
    if (this.#isFresh()) return;
    const { refusedServices } = this.#options;
    // Before anybody has to wait, and only by who may need them: names may take their time.
    const refused = this.#filtered ? null : await refusedServices.facts();
    using _held = await this.#mutex.acquire('bridge', deadline.signal);
    if (this.#isFresh()) return;
    // First: the rules name the interface, which need not exist, so that no packet ever passes without them.
    if (!this.#filtered) await this.#filter(refused ?? (await refusedServices.facts()), deadline);
    await this.#make(deadline);
  }

  /**
   * Puts back what is missing of network and rules: an engine or a firewall that was restarted or flushed may have
   * dropped them. Nothing is done while there is no network, unless kernels are on it (`used`). While it fails no kernel
   * gets the network.
   */
  async refresh(used: boolean, signal: AbortSignal): Promise<void> {
    if (!used && !this.#filtered) return;
    const options = { what: 'restoring the network', timeoutMs: deadlineMs, signal };
    await withDeadline(options, async (deadline) => {
      // Before anybody has to wait: names may take their time.
      const refused = await this.#options.refusedServices.facts();
      using _held = await this.#mutex.acquire('bridge', deadline.signal);
      await this.#filter(refused, deadline);
      await this.#make(deadline);
    });
  }

  /** Removes the network and its rules unless a container is attached. Never throws: what stays is reused. */
  async removeIfUnused(signal: AbortSignal): Promise<void> {
    const { engine, log } = this.#options;
    try {
      await withDeadline({ what: 'removing the network', timeoutMs: deadlineMs, signal }, async (deadline) => {
        using _held = await this.#mutex.acquire('bridge', deadline.signal);
        const known = await engine.inspectNetwork(this.name, deadline.signal);
        if (known && known.attached.length > 0) return;
        this.#seenAt = null;
        this.#filtered = false;
        if (known) await engine.removeNetwork(this.name, deadline.signal);
        await this.#firewall.remove(deadline);
      });
    } catch (error) {
      log.warn('the network of the kernels could not be removed', { network: this.name, error });
    }
  }

  async #make(deadline: Deadline): Promise<void> {
    const { engine } = this.#options;
    const known = await engine.inspectNetwork(this.name, deadline.signal);
    if (known) this.#check(known);
    else await this.#create(deadline);
    this.#seenAt = systemClock.monotonic();
  }

  /** While it fails no kernel gets the network. */
  async #filter(refused: RefusedFacts, deadline: Deadline): Promise<void> {
    try {
      const metadata = this.#options.metadata?.() ?? null;
      await this.#firewall.apply({ interfaces: [], metadata, ...refused }, deadline);
      this.#filtered = true;
    } catch (error) {
      this.#filtered = false;
      this.#seenAt = null;
      throw error;
    }
  }

  #isFresh(): boolean {
    return this.#seenAt !== null && systemClock.monotonic() - this.#seenAt < seenForMs;
  }

  async #create(deadline: Deadline): Promise<void> {
    const { engine, tag, agentId } = this.#options;
    try {
      await engine.createNetwork(
        {
          name: this.name,
          labels: { [ownerLabel]: tag, [objectLabels.owner]: agentId },
          interfaceName: this.interfaceName,
          isolated: true,
        },
        deadline.signal,
      );
    } catch (error) {
      // An earlier request may have succeeded without our learning it.
      const known = await engine.inspectNetwork(this.name, deadline.signal);
      if (!known) throw error;
      this.#check(known);
    }
  }

  /** A network of our name that somebody else made would not isolate anything. */
  #check(network: EngineNetwork): void {
    const ours =
      network.labels[ownerLabel] === this.#options.tag &&
      network.interfaceName === this.interfaceName &&
      network.isolated;
    if (ours) return;
    throw new KerneletError(
      'ENGINE_FAILED',
      `the network ${this.name} exists but was not made by this agent: remove it from the engine`,
      { context: { network: this.name } },
    );
  }
}
