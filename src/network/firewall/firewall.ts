/**
 * What kernels on our networks may not reach: the host's services, link-local addresses (where clouds keep their
 * credentials), kernels on other networks of ours and, unless they are one session's, each other; and from where they
 * are not reached: by anything outside, but through a published address. nftables holds the rules where there is any, else
 * iptables.
 */
import type { Clock } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { IptablesChains } from './iptables-chains.ts';
import { NftTable } from './nft-table.ts';
import type { PacketFilter } from './packet-filter.ts';
import type { FirewallFacts, FirewallScope, RuleSet } from './rule-set.ts';

/** What a firewall works with. */
export interface FirewallParts {
  readonly filter: PacketFilter;
  /** The engine's own chain of iptables for rules of others; null where it keeps none. */
  readonly rulesChain: string | null;
  readonly clock: Clock;
  readonly log: Logger;
}

/** From one try to lead kernels to metadata that failed to the next: what was in the way may have passed. */
const metadataPauseMs = 10 * 60_000;

/** The rules for one bridge, or for all whose names begin the same way. */
export class Firewall {
  readonly #scope: FirewallScope;
  readonly #filter: PacketFilter;
  /** The first is used where the machine has its program. */
  readonly #kinds: readonly [RuleSet, RuleSet];
  #used: RuleSet | null = null;
  /** Kinds that may hold rules of an earlier time, which nobody keeps up to date. */
  readonly #stale: Set<RuleSet>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #restored = 0;
  /** Packets beyond the limit of connections that were told of, of the present rules. */
  #refused = 0;
  /** What the rules were made of. */
  #facts = '';
  #metadataProblem: string | null = null;
  /** When it was found, in monotonic milliseconds. */
  #metadataTriedAt = 0;

  constructor(scope: FirewallScope, { filter, rulesChain, clock, log }: FirewallParts) {
    this.#scope = scope;
    this.#filter = filter;
    this.#clock = clock;
    this.#log = log;
    this.#kinds = [new NftTable(scope, filter), new IptablesChains(scope, filter, rulesChain)];
    this.#stale = new Set(this.#kinds);
  }

  /** How often somebody else had removed the rules. */
  get restored(): number {
    return this.#restored;
  }

  /** Why kernels are not led to metadata, as they are to be; null = they are. */
  get metadataProblem(): string | null {
    return this.#metadataProblem;
  }

  /**
   * Puts the rules in place unless they stand and say the same, and says when what was put there earlier had been removed.
   * Throws NOT_SUPPORTED when this machine can't.
   */
  async apply(facts: FirewallFacts, deadline: Deadline): Promise<void> {
    const wanted = JSON.stringify({ ...facts, interfaces: facts.interfaces.toSorted() });
    const known = this.#used;
    const stands = known !== null && (await known.stand(deadline));
    this.#tellRefused();
    const isChanged = wanted !== this.#facts || (this.#metadataProblem !== null && this.#isMetadataDue());
    if (!stands || isChanged) await this.#put(facts, deadline, stands === true);
    this.#facts = wanted;
    await this.#removeStale(deadline);
    if (this.#scope.kind === 'isolated' && !(await this.#filter.filterBridges())) {
      // The module comes with the first bridge that an engine isolates.
      if (known !== null) throw this.#refusal('packets between kernels pass no filter: load the module br_netfilter');
    }
    if (known === null || stands !== false) return;
    this.#restored += 1;
    const { interfaces } = this.#scope;
    this.#log.error('somebody removed the rules that keep kernels apart, which are back', { interfaces });
  }

  /** Takes the rules away; absent ones are success. */
  async remove(deadline: Deadline): Promise<void> {
    this.#used = null;
    this.#facts = '';
    this.#metadataProblem = null;
    await this.#removeStale(deadline);
  }

  /** What an earlier release has put there, or this one when the better kind failed, would refuse what is right now. */
  async #removeStale(deadline: Deadline): Promise<void> {
    for (const kind of this.#stale) if (kind !== this.#used && (await kind.remove(deadline))) this.#stale.delete(kind);
  }

  #tellRefused(): void {
    const counted = this.#used?.refusedPackets ?? 0;
    if (counted > this.#refused) {
      this.#log.warn('a kernel has begun more connections than kernelet.connection-limit allows at a time', {
        interfaces: this.#scope.interfaces,
        refusedPackets: counted - this.#refused,
      });
    }
    this.#refused = counted;
  }

  #isMetadataDue(): boolean {
    return this.#metadataProblem === null || this.#clock.monotonic() - this.#metadataTriedAt >= metadataPauseMs;
  }

  /**
   * What leads kernels to metadata takes more of a machine than what keeps them off it, and is no reason to keep none, or those
   * of the weaker kind.
   */
  async #put(facts: FirewallFacts, deadline: Deadline, stood: boolean): Promise<void> {
    const walls = { ...facts, metadata: null };
    const isLeading = facts.metadata !== null && this.#scope.kind !== 'shared';
    const isTried = isLeading && this.#isMetadataDue();
    const problems: string[] = [];
    for (const kind of this.#kinds) {
      const stoodHere = stood && kind === this.#used;
      const leading = isTried ? await this.#problemWith(kind, facts, deadline, stoodHere) : null;
      const problem = isTried && leading === null ? null : await this.#problemWith(kind, walls, deadline, stoodHere);
      if (problem === null) {
        this.#used = kind;
        // Counts end with their rules.
        this.#refused = 0;
        if (!isLeading || isTried) this.#noteMetadata(leading);
        return;
      }
      problems.push(problem);
    }
    throw this.#refusal(problems.join('; '));
  }

  /** What one kind says of rules that it cannot take; null = they stand. Throws what a deadline throws. */
  async #problemWith(kind: RuleSet, facts: FirewallFacts, deadline: Deadline, stood: boolean): Promise<string | null> {
    try {
      this.#stale.add(kind);
      if (await kind.put(facts, deadline, stood)) return null;
      return 'rules that were put in place are not there';
    } catch (error) {
      deadline.check();
      return error instanceof Error ? error.message : String(error);
    }
  }

  #noteMetadata(problem: string | null): void {
    const isNew = problem !== this.#metadataProblem;
    this.#metadataProblem = problem;
    this.#metadataTriedAt = this.#clock.monotonic();
    if (problem === null || !isNew) return;
    const { interfaces } = this.#scope;
    this.#log.warn('kernels get no metadata: this machine cannot lead them to it', { interfaces, problem });
  }

  #refusal(problem: string): KerneletError {
    const text = `kernels cannot have a network here: they cannot be kept off this host and each other (${problem})`;
    return new KerneletError('NOT_SUPPORTED', text, { context: { interfaces: this.#scope.interfaces } });
  }
}
