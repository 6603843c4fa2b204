/**
 * The rules as a table of nftables: it has hooks of its own, so that neither the engine's chains nor a flush of iptables
 * touch it. They come before the rules of others; what they let pass is still judged by those.
 */
import type { Deadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { PacketFilter } from './packet-filter.ts';
import { type FirewallFacts, type FirewallScope, linkLocal, metadataAddress, type RuleSet } from './rule-set.ts';

/** The set that has the connections of each address; the largest that there may be counts 65,536 addresses. */
const connections = 'set connections { type ipv4_addr; size 65536; flags dynamic; }';

/**
 * The text for `nft -f`, which replaces all of the table in one step, or the rules alone: then the connections that were
 * counted are still known. Pure.
 */
export function tableText(scope: FirewallScope, facts: FirewallFacts, replaced: 'table' | 'rules' = 'table'): string {
  const table = `inet kernelet-${scope.tag}`;
  const redirects = redirectRules(scope, facts);
  const chains = ['forward', 'input', ...(redirects.length > 0 ? ['prerouting'] : [])];
  const before =
    replaced === 'table'
      ? [`table ${table}`, `delete table ${table}`]
      : chains.map((name) => `flush chain ${table} ${name}`);
  const chain = (name: string, type: string, rules: readonly string[]): readonly string[] => [
    `  chain ${name} {`,
    `    type ${type} - 10; policy accept;`,
    ...rules.map((rule) => `    ${rule}`),
    '  }',
  ];
  return [
    ...before,
    `table ${table} {`,
    ...(scope.connectionLimit > 0 ? [`  ${connections}`] : []),
    ...chain('forward', 'filter hook forward priority filter', forwardRules(scope, facts)),
    ...chain('input', 'filter hook input priority filter', inputRules(scope, facts)),
    ...(redirects.length > 0 ? chain('prerouting', 'nat hook prerouting priority dstnat', redirects) : []),
    '}',
    '',
  ].join('\n');
}

const quoted = ({ interfaces }: FirewallScope): string => `"${interfaces.replace('+', '*')}"`;

function forwardRules(scope: FirewallScope, { interfaces, refused, refusedPorts }: FirewallFacts): readonly string[] {
  const ours = quoted(scope);
  const services = [
    ...refused.flatMap(({ address, port }) => [
      `iifname ${ours} ip daddr ${address} tcp dport ${port} reject`,
      // Somebody may lead packets for it elsewhere, before rules see where they go.
      `iifname ${ours} meta l4proto tcp ct original ip daddr ${address} ct original proto-dst ${port} reject`,
    ]),
    ...refusedPorts.map(
      (port) => `iifname ${ours} ct status & dnat == dnat meta l4proto tcp ct original proto-dst ${port} reject`,
    ),
  ];
  if (scope.kind === 'shared') return services;
  const { connectionLimit } = scope;
  const within = scope.kind === 'joined' ? interfaces.map((name) => `iifname "${name}" oifname "${name}" accept`) : [];
  return [
    `iifname ${ours} ip daddr ${linkLocal} reject`,
    // What is refused here is never entered in the host's table.
    ...(connectionLimit > 0 ? [`iifname ${ours} ct state new ${counted(scope)} counter reject`] : []),
    ...within,
    `iifname ${ours} oifname ${ours} reject`,
    ...services,
    // A neighbour on the link may send to a container's address: only published addresses lead in.
    `iifname != ${ours} oifname ${ours} ct state != { established, related } ct status & dnat != dnat drop`,
  ];
}

const counted = ({ connectionLimit }: FirewallScope): string =>
  `add @connections { ip saddr ct count over ${connectionLimit} }`;

/** Exactly the one address and port: what it leads to is this host's, and goes by the rules of what comes in. */
function redirectRules(scope: FirewallScope, { metadata }: FirewallFacts): readonly string[] {
  if (metadata === null || scope.kind === 'shared') return [];
  const { address, port } = metadataAddress;
  const to = metadata.host === null ? `redirect to :${metadata.port}` : `dnat ip to ${metadata.host}:${metadata.port}`;
  return [`iifname ${quoted(scope)} ip daddr ${address} tcp dport ${port} ${to}`];
}

/** What was led here and nothing that was sent here goes past the refusal of the rest. */
function metadataRules(scope: FirewallScope, { metadata }: FirewallFacts): readonly string[] {
  if (metadata === null) return [];
  const { address, port } = metadataAddress;
  const led = `meta l4proto tcp ct original ip daddr ${address} ct original proto-dst ${port} tcp dport ${metadata.port}`;
  const asked = `iifname ${quoted(scope)} ct status & dnat == dnat ${led}`;
  return [...(scope.connectionLimit > 0 ? [`${asked} ${counted(scope)} counter reject`] : []), `${asked} accept`];
}

function inputRules(scope: FirewallScope, facts: FirewallFacts): readonly string[] {
  const { refusedPorts } = facts;
  const ours = quoted(scope);
  const answers = `iifname ${ours} ct state { established, related } accept`;
  if (scope.kind === 'shared')
    return [answers, ...refusedPorts.map((port) => `iifname ${ours} tcp dport ${port} reject`)];
  return [
    answers,
    // Kernels have no IPv6 address of their own; this is for the link-local one that a bridge may have.
    `iifname ${ours} meta nfproto ipv6 drop`,
    ...metadataRules(scope, facts),
    `iifname ${ours} reject`,
  ];
}

/** The table of one scope. */
export class NftTable implements RuleSet {
  readonly #scope: FirewallScope;
  readonly #filter: PacketFilter;
  readonly #name: readonly string[];
  /** Whether its chains are those for metadata too. */
  #redirects = false;
  /** What nft printed of it once it was in place. */
  #listing: string | null = null;
  #refusedPackets = 0;

  constructor(scope: FirewallScope, filter: PacketFilter) {
    this.#scope = scope;
    this.#filter = filter;
    this.#name = ['inet', `kernelet-${scope.tag}`];
  }

  get refusedPackets(): number {
    return this.#refusedPackets;
  }

  async put(facts: FirewallFacts, deadline: Deadline, stood: boolean): Promise<boolean> {
    const redirects = facts.metadata !== null;
    const text = tableText(this.#scope, facts, stood && redirects === this.#redirects ? 'rules' : 'table');
    const { exitCode, stderr } = await this.#filter.run('nft', ['-f', '-'], deadline, text);
    // A run that was ended says nothing about this machine.
    deadline.check();
    if (exitCode !== 0) throw new KerneletError('NOT_SUPPORTED', `nft: ${stderr || 'cannot be run'}`);
    this.#redirects = redirects;
    this.#listing = await this.#list(deadline);
    return this.#listing !== null;
  }

  async stand(deadline: Deadline): Promise<boolean | null> {
    if (this.#listing === null) return false;
    const listed = await this.#filter.run('nft', this.#listTable(), deadline);
    deadline.check();
    if (listed.exitCode === 0) return this.#withoutCounts(listed.stdout) === this.#listing;
    return isAbsent(listed) ? false : null;
  }

  async remove(deadline: Deadline): Promise<boolean> {
    this.#listing = null;
    const removed = await this.#filter.run('nft', ['delete', 'table', ...this.#name], deadline);
    deadline.check();
    // Without the program there is no table.
    return removed.exitCode <= 0 || isAbsent(removed);
  }

  async #list(deadline: Deadline): Promise<string | null> {
    const { exitCode, stdout } = await this.#filter.run('nft', this.#listTable(), deadline);
    deadline.check();
    return exitCode === 0 ? this.#withoutCounts(stdout) : null;
  }

  /** Without the addresses that have connections. */
  #listTable(): readonly string[] {
    return ['--terse', 'list', 'table', ...this.#name];
  }

  /** What says the same as long as the rules do; remembers what was counted. */
  #withoutCounts(listing: string): string {
    const counted = /counter packets (\d+) bytes \d+/g;
    this.#refusedPackets = [...listing.matchAll(counted)].reduce((sum, [, packets]) => sum + Number(packets), 0);
    return listing.replace(counted, 'counter');
  }
}

const isAbsent = ({ stderr }: { readonly stderr: string }): boolean => /No such file or directory/.test(stderr);
