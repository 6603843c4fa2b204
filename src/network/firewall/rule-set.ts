/**
 * What rules are made of, and what each kind of packet filter does with them. The rules themselves stand in `nft-table.ts`
 * and, for machines without nftables, in `iptables-chains.ts`.
 */
import type { Deadline } from '../../lib/deadline.ts';
import type { RefusedFacts } from '../cluster-services.ts';

/** Which packets the rules are about. */
export interface FirewallScope {
  /** At most 10 characters that make tables and chains this agent's own. */
  readonly tag: string;
  /** One interface by its name, or several by how their names begin and `+`. */
  readonly interfaces: string;
  /**
   * `isolated`: containers are kept off this host and each other. `joined`: those on one interface reach each other. `shared`:
   * somebody else's, from which nothing but some services is refused.
   */
  readonly kind: 'isolated' | 'joined' | 'shared';
  /**
   * How many connections begun by one address this host follows at a time, in a table that all networks share (conntrack).
   * 0: as many as the table holds, as always for what is `shared`.
   */
  readonly connectionLimit: number;
}

/** What changes while the rules are there. */
export interface FirewallFacts extends RefusedFacts {
  /** Interfaces that there are or are about to be, where the scope names several. */
  readonly interfaces: readonly string[];
  /** Where kernels are led that ask for metadata; null = nowhere, and nothing at all for what is `shared`. */
  readonly metadata: MetadataTarget | null;
}

/** Where the agent answers kernels that ask for metadata. */
export interface MetadataTarget {
  /** An IPv4 address of this host; null: that of the network on which a kernel is. */
  readonly host: string | null;
  readonly port: number;
}

/** Rules in one kind of packet filter. All of it is idempotent. */
export interface RuleSet {
  /**
   * Puts the rules in place, whatever is there, without a moment in which there are none, and says whether they then stand.
   * `stood`: so did the ones before, a moment ago. Throws NOT_SUPPORTED where this machine cannot.
   */
  put(facts: FirewallFacts, deadline: Deadline, stood: boolean): Promise<boolean>;
  /**
   * Whether every packet of the scope still goes through the rules that were put there last; null when that cannot be seen.
   * Throws what a deadline throws.
   */
  stand(deadline: Deadline): Promise<boolean | null>;
  /** Takes the rules away; absent ones are success. False when something may be left. */
  remove(deadline: Deadline): Promise<boolean>;
  /** Packets beyond the limit of connections that were refused, of the present rules, as seen when they were looked at last. */
  readonly refusedPackets: number;
}

/** Where kernels ask for metadata, as machines of clouds do. */
export const metadataAddress = { address: '169.254.169.254', port: 80 } as const;

/** Addresses that are reached by no kernel: link-local, where clouds keep their credentials. */
export const linkLocal = '169.254.0.0/16';
