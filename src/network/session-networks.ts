/**
 * Networks for the kernels of one session on this node, made on request (spec rpc 8.25, 8.26; kernel-lifecycle 9).
 * The kernels on one reach each other, and neither this host nor link-local addresses.
 */
import { createHash } from 'node:crypto';
import type { Engine, EngineNetwork } from '../engine/engine.ts';
import type { Clock } from '../lib/clock.ts';
import { type Deadline, withDeadline } from '../lib/deadline.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { Backoff, retry } from '../lib/retry.ts';
import { KeyedMutex } from '../lib/semaphore.ts';
import { objectLabels } from '../protocol/image-contract.ts';
import type { RefusedFacts, RefusedServices } from './cluster-services.ts';
import { Firewall } from './firewall/firewall.ts';
import type { PacketFilter } from './firewall/packet-filter.ts';
import type { FirewallScope, MetadataTarget } from './firewall/rule-set.ts';

/** The label of those that this agent has made. */
const ownerLabel = 'ai.kernelet.session-network-of';
/** How long a network may stay in use after the request to remove it: containers that are being removed hold theirs. */
const inUseTimeoutMs = 10_000;
const inUsePauseMs = 250;
const rulesDeadlineMs = 30_000;
/** A network that no kernel has used for so long belongs to a session that was forgotten (B37). */
const orphanedAfterMs = 3_600_000;
const betweenSweepsMs = 600_000;
/** Names of interfaces have 15 characters at most. */
const interfaceDigits = 5;

/** What the networks of sessions work with. */
export interface SessionNetworksParts {
  readonly engine: Pick<
    Engine,
    'createNetwork' | 'inspectNetwork' | 'removeNetwork' | 'listNetworks' | 'rulesChain' | 'gatewayNetwork'
  >;
  /** 8 hex digits of the state folder. */
  readonly tag: string;
  /** The agent's id, as a label for people. */
  readonly agentId: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly packetFilter: PacketFilter;
  readonly refusedServices: RefusedServices;
  /** How many connections begun by one kernel the host follows at a time; 0 = no limit. */
  readonly connectionLimit: number;
  /** Where kernels are led that ask for metadata; absent = nowhere. */
  readonly metadata?: (() => MetadataTarget | null) | undefined;
}

/** Makes and removes them, and sweeps those that were forgotten. */
export class SessionNetworks {
  readonly #parts: SessionNetworksParts;
  readonly #firewall: Firewall;
  /** The engine's own interface by which kernels on networks of several nodes reach the world; null: it has none. */
  readonly #gateway: Firewall | null;
  /** Since when a network has been seen without a container, in monotonic milliseconds. */
  readonly #idleSince = new Map<string, number>();
  #sweptAt = Number.NEGATIVE_INFINITY;
  readonly #mutex = new KeyedMutex<'rules'>();
  /** Interfaces of networks that were asked for and not listed yet; one that never comes is named by a rule that does nothing. */
  readonly #coming = new Set<string>();
  #present: readonly string[] = [];

  constructor(parts: SessionNetworksParts) {
    this.#parts = parts;
    const { tag, packetFilter: filter, connectionLimit, clock, log } = parts;
    const { rulesChain, gatewayNetwork: gateway } = parts.engine;
    const make = (scope: FirewallScope): Firewall => new Firewall(scope, { filter, rulesChain, clock, log });
    this.#firewall = make({ tag: `${tag}-S`, interfaces: `ks${tag}+`, kind: 'joined', connectionLimit });
    this.#gateway =
      gateway === null ? null : make({ tag: `${tag}-G`, interfaces: gateway, kind: 'shared', connectionLimit: 0 });
  }

  /** Makes one; one that is there already is taken. Throws INVALID_ARGUMENT when the name is somebody else's. */
  async create(name: string, signal: AbortSignal): Promise<void> {
    const { engine, tag, agentId } = this.#parts;
    if ((await this.#sessionNetwork(name, signal)) !== null) return;
    await this.#filter(interfaceName(tag, name), signal);
    try {
      await engine.createNetwork(
        {
          name,
          labels: { [objectLabels.clusterNetwork]: '1', [ownerLabel]: tag, [objectLabels.owner]: agentId },
          interfaceName: interfaceName(tag, name),
        },
        signal,
      );
    } catch (error) {
      // Another call was faster.
      if (!hasCode(error, 'ENGINE_FAILED') || (await this.#sessionNetwork(name, signal)) === null) throw error;
    }
  }

  /**
   * Removes one that this agent has made; one that is gone is fine. Throws INVALID_ARGUMENT, or ENGINE_FAILED while
   * containers stay in it.
   */
  async destroy(name: string, signal: AbortSignal): Promise<void> {
    const { engine, clock } = this.#parts;
    const found = await this.#sessionNetwork(name, signal);
    if (found === null) return;
    if (found.labels[ownerLabel] !== this.#parts.tag) {
      throw new KerneletError('INVALID_ARGUMENT', `the network ${name} was made by another agent: it is left to it`);
    }
    const until = clock.monotonic() + inUseTimeoutMs;
    const isRetryable = (error: unknown): boolean => hasCode(error, 'ENGINE_FAILED') && clock.monotonic() < until;
    const backoff = new Backoff({ initialMs: inUsePauseMs, maximumMs: inUsePauseMs, jitter: 0, clock });
    await retry({ backoff, signal, isRetryable }, () => engine.removeNetwork(name, signal));
  }

  /** Puts the rules of all of them in place. Call it while kernels may be on one. */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#filter(null, signal);
  }

  /** How often somebody else had removed the rules. */
  get restored(): number {
    return this.#firewall.restored + (this.#gateway?.restored ?? 0);
  }

  /** `coming`: the interface of a network that is about to be made. */
  async #filter(coming: string | null, signal: AbortSignal): Promise<void> {
    const { refusedServices } = this.#parts;
    const options = { what: "filtering the sessions' networks", timeoutMs: rulesDeadlineMs, signal };
    await withDeadline(options, async (deadline) => {
      // Before anybody has to wait: names may take their time.
      const refused = await refusedServices.facts();
      using _held = await this.#mutex.acquire('rules', deadline.signal);
      if (coming !== null) this.#coming.add(coming);
      await this.#filterGateway(refused, deadline);
      const metadata = this.#parts.metadata?.() ?? null;
      await this.#firewall.apply({ interfaces: await this.#interfaces(deadline), metadata, ...refused }, deadline);
    });
  }

  /** Of networks that there are and that are about to be made; while the engine does not answer, as they were. */
  async #interfaces({ signal }: Deadline): Promise<readonly string[]> {
    const { engine, tag } = this.#parts;
    try {
      const networks = await engine.listNetworks({ [ownerLabel]: tag }, signal);
      this.#present = networks.map(({ name }) => interfaceName(tag, name));
    } catch (error) {
      signal.throwIfAborted();
      if (this.#coming.size > 0) throw error;
    }
    for (const name of this.#present) this.#coming.delete(name);
    return [...this.#present, ...this.#coming];
  }

  /** Everything on that interface is concerned, also what is not this agent's: without need it has no rules. */
  async #filterGateway(refused: RefusedFacts, deadline: Deadline): Promise<void> {
    const isNeeded = refused.refused.length + refused.refusedPorts.length > 0;
    if (isNeeded) await this.#gateway?.apply({ interfaces: [], metadata: null, ...refused }, deadline);
    else await this.#gateway?.remove(deadline);
  }

  /**
   * Filters what leaves a network, and gives variables for kernels on one: programs that speak MPI must not take the
   * gateway of networks of several nodes, on which every node has the same addresses, for a way to each other.
   */
  async environ(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { engine } = this.#parts;
    const { gatewayNetwork } = engine;
    await this.refresh(signal);
    const gateway = gatewayNetwork === null ? null : await engine.inspectNetwork(gatewayNetwork, signal);
    const [subnet] = gateway?.subnets ?? [];
    return subnet === undefined ? {} : { OMPI_MCA_btl_tcp_if_exclude: `127.0.0.1/32,${subnet}` };
  }

  /** Removes those of this agent that nobody has used for an hour; `used` are names that kernels are on. Cheap when called often. */
  async sweep(used: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { engine, clock, log, tag } = this.#parts;
    const now = clock.monotonic();
    if (now - this.#sweptAt < betweenSweepsMs) return;
    this.#sweptAt = now;
    const networks = await engine.listNetworks({ [ownerLabel]: tag }, signal);
    const idle = networks.filter(({ name, attached }) => attached.length === 0 && !used.has(name));
    const names = new Set(idle.map(({ name }) => name));
    for (const name of this.#idleSince.keys()) if (!names.has(name)) this.#idleSince.delete(name);
    for (const name of names) {
      const since = this.#idleSince.get(name) ?? now;
      this.#idleSince.set(name, since);
      if (now - since < orphanedAfterMs) continue;
      log.warn('a network is removed that no session uses', { network: name });
      try {
        await engine.removeNetwork(name, signal);
        this.#idleSince.delete(name);
      } catch (error) {
        signal.throwIfAborted();
        log.warn('a network that no session uses cannot be removed', { network: name, error });
      }
    }
  }

  /** Takes the rules away unless a network of this agent is left. Never throws: what stays is used again. */
  async removeIfUnused(signal: AbortSignal): Promise<void> {
    const { engine, log, tag } = this.#parts;
    try {
      const options = { what: "removing the rules of the sessions' networks", timeoutMs: rulesDeadlineMs, signal };
      await withDeadline(options, async (deadline) => {
        if ((await engine.listNetworks({ [ownerLabel]: tag }, deadline.signal)).length > 0) return;
        await this.#firewall.remove(deadline);
        await this.#gateway?.remove(deadline);
      });
    } catch (error) {
      log.warn("the rules of the sessions' networks could not be removed", { error });
    }
  }

  async #sessionNetwork(name: string, signal: AbortSignal): Promise<EngineNetwork | null> {
    const found = await this.#parts.engine.inspectNetwork(name, signal);
    if (found === null || found.labels[objectLabels.clusterNetwork] === '1') return found;
    throw new KerneletError(
      'INVALID_ARGUMENT',
      `the network ${name} is none of a session: it lacks the label ${objectLabels.clusterNetwork}`,
    );
  }
}

/** The name of a network's interface on this host: the rules go by how it begins. */
function interfaceName(tag: string, name: string): string {
  const digits = createHash('sha256').update(name).digest().readUInt32BE(0) % 36 ** interfaceDigits;
  return `ks${tag}${digits.toString(36).padStart(interfaceDigits, '0')}`;
}
