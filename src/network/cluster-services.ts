/**
 * Services of the cluster that no kernel may reach: whoever can write to its bus or its configuration owns every node of it.
 * They are known by name as well as by address, and names may lead elsewhere later.
 */
import { lookup } from 'node:dns/promises';
import type { HostPort } from '../config/settings.ts';
import type { Clock } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import type { Logger } from '../lib/log.ts';

/** What of them a rule can say. */
export interface ServiceAddress {
  /** An IPv4 address. */
  readonly address: string;
  readonly port: number;
}

/** What a network's rules are told of the cluster. */
export interface RefusedFacts {
  readonly refused: readonly ServiceAddress[];
  /** TCP ports of this host that are the cluster's: the agent's own, and those of services that may run here too. */
  readonly refusedPorts: readonly number[];
}

/** The services of a cluster that no kernel may reach. */
export interface RefusedServices {
  /** As they are now. Never rejects. */
  facts(): Promise<RefusedFacts>;
}

/** For a node that is in no cluster, or whose operator lets kernels reach all of it. */
export const noRefusedServices: RefusedServices = { facts: async () => ({ refused: [], refusedPorts: [] }) };

/** What somebody knows of the services. */
export interface KnownServices {
  readonly known: readonly HostPort[];
  /** Whether these are all; else somebody who knows more of them did not answer. */
  readonly isComplete: boolean;
}

/** Looks a name up: its IPv4 addresses. */
export type LookUp = (host: string) => Promise<readonly string[]>;

/** What they are made of. */
export interface ClusterServicesParts {
  /** As far as they are known at the moment. Never rejects. */
  readonly services: () => Promise<KnownServices>;
  /** TCP ports of the agent on this host. */
  readonly ownPorts: readonly number[];
  readonly clock: Clock;
  readonly log: Logger;
  /** The system's when absent. */
  readonly lookUp?: LookUp;
}

const lookUpMs = 2_000;
/** How long an answer counts. */
const againMs = 60_000;
/** A name with many addresses may give some of them at a time: each is refused so long after it was given last. */
const keptMs = 600_000;

const systemLookUp: LookUp = async (host) => {
  const found = await lookup(host, { family: 4, all: true });
  // A literal of the other family is given back all the same.
  return found.filter(({ family }) => family === 4).map(({ address }) => address);
};

/** The services, by where they are now. */
export class ClusterServices implements RefusedServices {
  readonly #parts: ClusterServicesParts;
  /** By `ADDRESS:PORT`, with the time at which it was given last, in monotonic milliseconds. */
  readonly #seen = new Map<string, ServiceAddress & { readonly at: number }>();
  readonly #ports: Set<number>;
  /** Names that could not be looked up. */
  readonly #unknown = new Set<string>();
  #askedAt: number | null = null;
  #asking: Promise<void> | null = null;

  constructor(parts: ClusterServicesParts) {
    this.#parts = parts;
    this.#ports = new Set(parts.ownPorts);
  }

  /**
   * In a fixed order. A name that cannot be looked up now leads where it led before; loopback addresses are left out, since
   * a kernel has its own.
   */
  async facts(): Promise<RefusedFacts> {
    const now = this.#parts.clock.monotonic();
    const isDue = this.#askedAt === null || now - this.#askedAt >= againMs || this.#unknown.size > 0;
    if (isDue) this.#asking ??= this.#askAll().finally(() => this.#askingEnded());
    await this.#asking;
    const services = [...this.#seen].toSorted(([one], [other]) => (one < other ? -1 : 1));
    return {
      refused: services.map(([, { address, port }]) => ({ address, port })),
      refusedPorts: [...this.#ports].toSorted((one, other) => one - other),
    };
  }

  #askingEnded(): void {
    this.#asking = null;
    this.#askedAt = this.#parts.clock.monotonic();
  }

  async #askAll(): Promise<void> {
    const { services, clock } = this.#parts;
    const { known, isComplete } = await services();
    await Promise.all(known.map((service) => this.#ask(service)));
    // While somebody may know more, nothing is forgotten.
    if (!isComplete) return;
    const hosts = new Set(known.map(({ host }) => host));
    for (const host of this.#unknown) if (!hosts.has(host)) this.#unknown.delete(host);
    if (this.#unknown.size > 0) return;
    const now = clock.monotonic();
    for (const [key, { at }] of this.#seen) if (now - at > keptMs) this.#seen.delete(key);
  }

  async #ask({ host, port }: HostPort): Promise<void> {
    const { clock, log, lookUp = systemLookUp } = this.#parts;
    this.#ports.add(port);
    try {
      const found = await raceWithSignal(lookUp(host), AbortSignal.timeout(lookUpMs));
      this.#unknown.delete(host);
      const at = clock.monotonic();
      for (const address of found)
        if (!address.startsWith('127.')) this.#seen.set(`${address}:${port}`, { address, port, at });
    } catch (error) {
      const text = 'a service of the cluster cannot be looked up: kernels are kept off its last known addresses alone';
      if (!this.#unknown.has(host)) log.warn(text, { host, error });
      this.#unknown.add(host);
    }
  }
}
