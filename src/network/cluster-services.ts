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

/** What networks are told of the cluster. */
export interface RefusedServices {
  /** Where the services are now. Never rejects. */
  addresses(): Promise<readonly ServiceAddress[]>;
  /**
   * TCP ports of this host that are the cluster's: the agent's own, and those of services that may run here too. They are
   * known once `addresses` has answered.
   */
  readonly hostPorts: readonly number[];
}

/** For a node that is in no cluster, or whose operator lets kernels reach all of it. */
export const noRefusedServices: RefusedServices = { hostPorts: [], addresses: async () => [] };

/** Looks a name up: its IPv4 addresses. */
export type LookUp = (host: string) => Promise<readonly string[]>;

/** What they are made of. */
export interface ClusterServicesParts {
  /** By name or address, as far as they are known at the moment. */
  readonly services: () => Promise<readonly HostPort[]>;
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
  /** When each `ADDRESS:PORT` was given last, in monotonic milliseconds. */
  readonly #seen = new Map<string, number>();
  /** Ports of services, wherever they are. */
  readonly #ports: Set<number>;
  readonly #unknown = new Set<string>();
  #askedAt: number | null = null;
  #asking: Promise<void> | null = null;

  constructor(parts: ClusterServicesParts) {
    this.#parts = parts;
    this.#ports = new Set(parts.ownPorts);
  }

  get hostPorts(): readonly number[] {
    return [...this.#ports].toSorted((one, other) => one - other);
  }

  /**
   * Their addresses, in a fixed order. A name that cannot be looked up now leads where it led before; loopback addresses are
   * left out, since a kernel has its own.
   */
  async addresses(): Promise<readonly ServiceAddress[]> {
    const now = this.#parts.clock.monotonic();
    const isDue = this.#askedAt === null || now - this.#askedAt >= againMs || this.#unknown.size > 0;
    if (isDue) this.#asking ??= this.#askAll().finally(() => this.#askingEnded());
    await this.#asking;
    return [...this.#seen.keys()].toSorted().map((one) => {
      const [address = '', port] = one.split(':');
      return { address, port: Number(port) };
    });
  }

  #askingEnded(): void {
    this.#asking = null;
    this.#askedAt = this.#parts.clock.monotonic();
  }

  async #askAll(): Promise<void> {
    const { services, clock } = this.#parts;
    const known = await services().catch(() => []);
    const answers = await Promise.all(known.map((service) => this.#ask(service)));
    const now = clock.monotonic();
    for (const one of answers.flat()) this.#seen.set(one, now);
    // While names cannot be looked up nothing is forgotten.
    if (this.#unknown.size > 0) return;
    for (const [one, at] of this.#seen) if (now - at > keptMs) this.#seen.delete(one);
  }

  async #ask({ host, port }: HostPort): Promise<readonly string[]> {
    const { log, lookUp = systemLookUp } = this.#parts;
    this.#ports.add(port);
    try {
      const found = await raceWithSignal(lookUp(host), AbortSignal.timeout(lookUpMs));
      this.#unknown.delete(host);
      return found.filter((address) => !address.startsWith('127.')).map((address) => `${address}:${port}`);
    } catch (error) {
      const text = 'a service of the cluster cannot be looked up: kernels are kept off its last known addresses alone';
      if (!this.#unknown.has(host)) log.warn(text, { host, error });
      this.#unknown.add(host);
      return [];
    }
  }
}
