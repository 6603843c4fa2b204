/**
 * The rules as a table of nftables: it has hooks of its own, so that neither the engine's chains nor a flush of iptables
 * touch it. They come before the rules of others; what they let pass is still judged by those.
 */
import type { Deadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { PacketFilter } from './packet-filter.ts';
import { type FirewallScope, linkLocal, type RuleSet } from './rule-set.ts';

/** The text for `nft -f`, which replaces the table in one step. Pure. */
export function tableText({ tag, interfaces, isolated }: FirewallScope, present: readonly string[]): string {
  const table = `inet kernelet-${tag}`;
  const ours = `"${interfaces.replace('+', '*')}"`;
  const between = isolated ? [] : present.map((name) => `    iifname "${name}" oifname "${name}" accept`);
  return [
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    '  chain forward {',
    '    type filter hook forward priority filter - 10; policy accept;',
    `    iifname ${ours} ip daddr ${linkLocal} reject`,
    ...between,
    `    iifname ${ours} oifname ${ours} reject`,
    // A neighbour on the link may send to a container's address: only published addresses lead in.
    `    iifname != ${ours} oifname ${ours} ct state != { established, related } ct status & dnat != dnat drop`,
    '  }',
    '  chain input {',
    '    type filter hook input priority filter - 10; policy accept;',
    `    iifname ${ours} ct state { established, related } accept`,
    // Kernels have no IPv6 address of their own; this is for the link-local one that a bridge may have.
    `    iifname ${ours} meta nfproto ipv6 drop`,
    `    iifname ${ours} reject`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** The table of one scope. */
export class NftTable implements RuleSet {
  readonly #scope: FirewallScope;
  readonly #filter: PacketFilter;
  readonly #name: readonly string[];
  /** What nft printed of it once it was in place. */
  #listing: string | null = null;

  constructor(scope: FirewallScope, filter: PacketFilter) {
    this.#scope = scope;
    this.#filter = filter;
    this.#name = ['inet', `kernelet-${scope.tag}`];
  }

  async put(interfaces: readonly string[], deadline: Deadline): Promise<void> {
    const text = tableText(this.#scope, interfaces);
    const { exitCode, stderr } = await this.#filter.run('nft', ['-f', '-'], deadline, text);
    // A run that was ended says nothing about this machine.
    deadline.check();
    if (exitCode !== 0) throw new KerneletError('NOT_SUPPORTED', `nft: ${stderr || 'cannot be run'}`);
    this.#listing = await this.#list(deadline);
  }

  async stand(deadline: Deadline): Promise<boolean> {
    return this.#listing !== null && (await this.#list(deadline)) === this.#listing;
  }

  async remove(deadline: Deadline): Promise<void> {
    this.#listing = null;
    await this.#filter.run('nft', ['delete', 'table', ...this.#name], deadline);
  }

  async #list(deadline: Deadline): Promise<string | null> {
    const { exitCode, stdout } = await this.#filter.run('nft', ['list', 'table', ...this.#name], deadline);
    deadline.check();
    return exitCode === 0 ? stdout : null;
  }
}
