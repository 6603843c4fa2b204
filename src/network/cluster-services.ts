/**
 * Services of the cluster that no kernel may reach: whoever can write to its bus or its configuration owns every node of it.
 * They are known by name as well as by address, and names may lead elsewhere later.
 */
import { lookup } from 'node:dns/promises';
import type { HostPort } from '../config/settings.ts';
import type { Clock } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';

/** What of them a rule can say. */
export interface ServiceAddress {
  /** An IPv4 address. */
  readonly address: string;
  readonly port: number;
}

/** Looks a name up: its IPv4 addresses. */
export type LookUp = (host: string) => Promise<readonly string[]>;

const lookUpMs = 2_000;
/** How long an answer counts. */
const againMs = 60_000;

const systemLookUp: LookUp = async (host) => {
  const found = await lookup(host, { family: 4, all: true });
  return found.map(({ address }) => address);
};

/** What networks are told of the cluster. */
export interface RefusedServices {
  /** TCP ports of this host that are the cluster's: the agent's own, and those of services that may run here too. */
  readonly hostPorts: readonly number[];
  /** Where the services are now. Never rejects. */
  addresses(): Promise<readonly ServiceAddress[]>;
}

/** For a node that is in no cluster, or whose operator lets kernels reach all of it. */
export const noRefusedServices: RefusedServices = { hostPorts: [], addresses: async () => [] };

/** The services, by where they are now. */
export class ClusterServices implements RefusedServices {
  readonly hostPorts: readonly number[];
  readonly #services: readonly HostPort[];
  readonly #clock: Clock;
  readonly #lookUp: LookUp;
  readonly #known = new Map<string, readonly string[]>();
  #askedAt: number | null = null;

  /** `ownPorts`: of the agent, on this host. */
  constructor(services: readonly HostPort[], ownPorts: readonly number[], clock: Clock, lookUp: LookUp = systemLookUp) {
    this.hostPorts = [...new Set([...ownPorts, ...services.map(({ port }) => port)])];
    this.#services = services;
    this.#clock = clock;
    this.#lookUp = lookUp;
  }

  /**
   * Their addresses, in a fixed order. A name that cannot be looked up now leads where it led before; loopback addresses are
   * left out, since a kernel has its own. Never rejects.
   */
  async addresses(): Promise<readonly ServiceAddress[]> {
    const now = this.#clock.monotonic();
    if (this.#askedAt === null || now - this.#askedAt >= againMs) {
      this.#askedAt = now;
      await Promise.all(this.#services.map(({ host }) => this.#ask(host)));
    }
    const found = this.#services.flatMap(({ host, port }) =>
      (this.#known.get(host) ?? [])
        .filter((address) => !address.startsWith('127.'))
        .map((address) => ({ address, port })),
    );
    const unique = new Map(found.map((one) => [`${one.address}:${one.port}`, one]));
    return [...unique].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, service]) => service);
  }

  async #ask(host: string): Promise<void> {
    const answer = raceWithSignal(this.#lookUp(host), AbortSignal.timeout(lookUpMs));
    this.#known.set(host, await answer.catch(() => this.#known.get(host) ?? []));
  }
}
