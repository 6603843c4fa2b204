/**
 * The rules as chains of iptables, for machines without nftables:
 *
 * - `KERNELET-<tag>-IN`, from INPUT: only answers to what the host began come in
 * - `KERNELET-<tag>`, from the engine's chain for rules of others, else from FORWARD: nothing to link-local addresses,
 *   nothing back into the bridge; nothing from outside but by way of a published address
 * - `KERNELET-<tag>-NAT`, from PREROUTING of the table `nat`, while there is metadata to ask for
 *
 * Rules of others may come before the jumps to them, or the jumps may be gone while the chains stand, so the whole way of a
 * packet is looked at.
 */
import type { Deadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { PacketFilter } from './packet-filter.ts';
import { type FirewallFacts, type FirewallScope, linkLocal, metadataAddress, type RuleSet } from './rule-set.ts';

/** The text that fills the chains, for iptables-restore. Pure. */
export function chainsText(scope: FirewallScope, facts: FirewallFacts): string {
  const [forward, input] = [`KERNELET-${scope.tag}`, `KERNELET-${scope.tag}-IN`];
  const redirects = redirectRules(scope, facts);
  const nat = `KERNELET-${scope.tag}-NAT`;
  return [
    ...(redirects.length > 0
      ? ['*nat', `:${nat} - [0:0]`, ...redirects.map((rule) => `-A ${nat} ${rule}`), 'COMMIT']
      : []),
    '*filter',
    `:${forward} - [0:0]`,
    `:${input} - [0:0]`,
    ...forwardRules(scope, facts).map((rule) => `-A ${forward} ${rule}`),
    ...inputRules(scope, facts).map((rule) => `-A ${input} ${rule}`),
    'COMMIT',
    '',
  ].join('\n');
}

function forwardRules(scope: FirewallScope, { interfaces, refused, refusedPorts }: FirewallFacts): readonly string[] {
  const ours = scope.interfaces;
  const services = [
    ...refused.flatMap(({ address, port }) => [
      `-i ${ours} -d ${address} -p tcp --dport ${port} -j REJECT`,
      // Somebody may lead packets for it elsewhere, before rules see where they go.
      `-i ${ours} -p tcp -m conntrack --ctorigdst ${address} --ctorigdstport ${port} -j REJECT`,
    ]),
    ...refusedPorts.map((port) => `-i ${ours} -p tcp -m conntrack --ctstate DNAT --ctorigdstport ${port} -j REJECT`),
  ];
  if (scope.kind === 'shared') return [...services, '-j RETURN'];
  const { connectionLimit } = scope;
  const within = scope.kind === 'joined' ? interfaces.map((name) => `-i ${name} -o ${name} -j RETURN`) : [];
  return [
    `-i ${ours} -d ${linkLocal} -j REJECT`,
    // What is refused here is never entered in the host's table.
    ...(connectionLimit > 0 ? [`-i ${ours} -m conntrack --ctstate NEW ${counted(scope)} -j REJECT`] : []),
    ...within,
    `-i ${ours} -o ${ours} -j REJECT`,
    ...services,
    // A neighbour on the link may send to a container's address: only published addresses lead in.
    `! -i ${ours} -o ${ours} -m conntrack ! --ctstate ESTABLISHED,RELATED,DNAT -j DROP`,
    '-j RETURN',
  ];
}

const counted = ({ connectionLimit }: FirewallScope): string =>
  `-m connlimit --connlimit-above ${connectionLimit} --connlimit-mask 32 --connlimit-saddr`;

/** Exactly the one address and port: what it leads to is this host's, and goes by the rules of what comes in. */
function redirectRules({ kind, interfaces }: FirewallScope, { metadata }: FirewallFacts): readonly string[] {
  if (metadata === null || kind === 'shared') return [];
  const { address, port } = metadataAddress;
  const { host } = metadata;
  const to = host === null ? `REDIRECT --to-ports ${metadata.port}` : `DNAT --to-destination ${host}:${metadata.port}`;
  return [`-i ${interfaces} -d ${address} -p tcp -m tcp --dport ${port} -j ${to}`];
}

/** What was led here and nothing that was sent here goes past the refusal of the rest. */
function metadataRules(scope: FirewallScope, { metadata }: FirewallFacts): readonly string[] {
  if (metadata === null) return [];
  const { address, port } = metadataAddress;
  const led = `-m conntrack --ctstate DNAT --ctorigdst ${address} --ctorigdstport ${port}`;
  const asked = `-p tcp -m tcp --dport ${metadata.port} ${led}`;
  return [...(scope.connectionLimit > 0 ? [`${asked} ${counted(scope)} -j REJECT`] : []), `${asked} -j RETURN`];
}

function inputRules(scope: FirewallScope, facts: FirewallFacts): readonly string[] {
  const { refusedPorts } = facts;
  const answers = '-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN';
  if (scope.kind === 'shared')
    return [answers, ...refusedPorts.map((port) => `-p tcp -m tcp --dport ${port} -j REJECT`), '-j RETURN'];
  return [answers, ...metadataRules(scope, facts), '-j REJECT'];
}

/** Packets and bytes of a rule or a policy, as `iptables -S -v` prints them. */
const counts = / -c (\d+) \d+/;

/** The rules of each chain, in order and without counts, of what `iptables -S -v` prints. Pure. */
export function rulesOf(listing: string): Chains {
  const chains = new Map<string, string[]>();
  for (const line of listing.split('\n')) {
    const [kind, chain, ...rule] = line.replace(counts, '').split(' ');
    if (chain === undefined) continue;
    if (kind === '-N' || kind === '-P') chains.set(chain, []);
    if (kind === '-A') chains.get(chain)?.push(rule.join(' '));
  }
  return chains;
}

type Chains = ReadonlyMap<string, readonly string[]>;

/** Whether a chain of others may let a packet pass for good. */
function accepts(chains: Chains, chain: string, seen: ReadonlySet<string> = new Set()): boolean {
  const rules = seen.has(chain) ? [] : (chains.get(chain) ?? []);
  return rules.some((rule) => passes(chains, rule, new Set([...seen, chain])));
}

/** Whether a rule may let a packet pass for good. */
function passes(chains: Chains, rule: string, seen?: ReadonlySet<string>): boolean {
  const [, how, target = ''] = /(?:^| )(-j|-g) (\S+)/.exec(rule) ?? [];
  return how === '-g' || target === 'ACCEPT' || (chains.has(target) && accepts(chains, target, seen));
}

/**
 * Whether a packet that enters a chain gets to the jump: rules before it may refuse, and neither let it pass nor leave the
 * chain. Pure.
 */
export function isReached(chains: Chains, chain: string, jump: string): boolean {
  const rules = chains.get(chain) ?? [];
  const at = rules.indexOf(jump);
  return at >= 0 && !rules.slice(0, at).some((rule) => / ?-j RETURN$/.test(rule) || passes(chains, rule));
}

/** The chains of one scope. */
export class IptablesChains implements RuleSet {
  readonly #scope: FirewallScope;
  readonly #filter: PacketFilter;
  /** The engine's own chain for rules of others; null where it keeps none. */
  readonly #rulesChain: string | null;
  /** What the chains held once they were in place. */
  #standing: string | null = null;
  /** The same of what leads to metadata; null: nothing does. */
  #standingNat: string | null = null;
  #refusedPackets = 0;

  constructor(scope: FirewallScope, filter: PacketFilter, rulesChain: string | null) {
    this.#scope = scope;
    this.#filter = filter;
    this.#rulesChain = rulesChain;
  }

  get refusedPackets(): number {
    return this.#refusedPackets;
  }

  async put(facts: FirewallFacts, deadline: Deadline): Promise<boolean> {
    await this.#runOrThrow('iptables-restore', ['--noflush'], deadline, chainsText(this.#scope, facts));
    const rules = (await this.#list(deadline)) ?? new Map();
    const from = this.#forwardsThrough(rules);
    for (const jump of this.#forwardJumps()) await this.#jumpFirst(rules, from, jump, deadline);
    await this.#jumpFirst(rules, 'INPUT', this.#inputJump(), deadline);
    this.#standing = this.#ownRules((await this.#list(deadline)) ?? new Map());
    this.#standingNat = null;
    if (facts.metadata !== null && this.#scope.kind !== 'shared') await this.#lead(deadline);
    else await this.#removeNat(deadline);
    if (this.#scope.kind !== 'shared') await this.#refuseIpv6(deadline);
    return (await this.stand(deadline)) === true;
  }

  async stand(deadline: Deadline): Promise<boolean | null> {
    const rules = await this.#list(deadline);
    const leads = await this.#leads(deadline);
    if (rules === null || leads === null) return null;
    const from = this.#forwardsThrough(rules);
    return (
      leads &&
      this.#standing !== null &&
      this.#ownRules(rules) === this.#standing &&
      this.#forwardJumps().every((jump) => isReached(rules, from, jump)) &&
      isReached(rules, 'INPUT', this.#inputJump())
    );
  }

  async remove(deadline: Deadline): Promise<boolean> {
    this.#standing = null;
    this.#standingNat = null;
    const isNatGone = await this.#removeNat(deadline);
    const { exitCode, stdout } = await this.#filter.run('iptables', ['-S'], deadline);
    deadline.check();
    // Without the program there are no chains.
    if (exitCode !== 0) return exitCode < 0;
    const rules = rulesOf(stdout);
    const chains = this.#chains().filter((chain) => rules.has(chain));
    if (chains.length === 0) return isNatGone;
    for (const [from, held] of rules) {
      const jumps = held.filter((rule) => chains.some((chain) => rule.endsWith(` -j ${chain}`)));
      for (const jump of jumps) await this.#filter.run('iptables', ['-D', from, ...jump.split(' ')], deadline);
    }
    for (const chain of chains) {
      await this.#filter.run('iptables', ['-F', chain], deadline);
      await this.#filter.run('iptables', ['-X', chain], deadline);
    }
    if (this.#scope.kind !== 'shared') {
      await this.#filter.run('ip6tables', ['-D', 'INPUT', '-i', this.#scope.interfaces, '-j', 'DROP'], deadline);
    }
    const left = await this.#list(deadline);
    return isNatGone && left !== null && !chains.some((chain) => left.has(chain));
  }

  /** Has packets for metadata come by our chain before others lead them elsewhere. */
  async #lead(deadline: Deadline): Promise<void> {
    const rules = await this.#listNat(deadline);
    if (rules === null) throw new KerneletError('NOT_SUPPORTED', 'iptables: the table nat cannot be listed');
    const { chain, jump } = this.#nat();
    const [from, held] = ['PREROUTING', jump.split(' ')] as const;
    if (!isReached(rules, from, jump)) {
      // What is not reached leads nobody: were it left there, each time would add one.
      if (rules.get(from)?.includes(jump))
        await this.#filter.run('iptables', ['-t', 'nat', '-D', from, ...held], deadline);
      await this.#runOrThrow('iptables', ['-t', 'nat', '-I', from, '1', ...held], deadline);
    }
    this.#standingNat = JSON.stringify((await this.#listNat(deadline))?.get(chain) ?? null);
  }

  /** Null: it cannot be seen. */
  async #leads(deadline: Deadline): Promise<boolean | null> {
    if (this.#standingNat === null) return true;
    const rules = await this.#listNat(deadline);
    if (rules === null) return null;
    const { chain, jump } = this.#nat();
    return JSON.stringify(rules.get(chain) ?? null) === this.#standingNat && isReached(rules, 'PREROUTING', jump);
  }

  /** Whether nothing of it is left, as far as can be seen. */
  async #removeNat(deadline: Deadline): Promise<boolean> {
    const { chain } = this.#nat();
    const rules = await this.#listNat(deadline);
    if (rules === null) return false;
    if (!rules.has(chain)) return true;
    const run = (...args: readonly string[]) => this.#filter.run('iptables', ['-t', 'nat', ...args], deadline);
    for (const [from, held] of rules) {
      for (const jump of held.filter((rule) => rule.endsWith(` -j ${chain}`)))
        await run('-D', from, ...jump.split(' '));
    }
    await run('-F', chain);
    await run('-X', chain);
    return (await this.#listNat(deadline))?.has(chain) === false;
  }

  /** None without the program, and where Linux has no such table. Null: they cannot be listed. */
  async #listNat(deadline: Deadline): Promise<Chains | null> {
    const { exitCode, stdout, stderr } = await this.#filter.run('iptables', ['-t', 'nat', '-S'], deadline);
    deadline.check();
    if (exitCode < 0 || /does not exist/.test(stderr)) return new Map();
    return exitCode === 0 ? rulesOf(stdout) : null;
  }

  #nat(): { readonly chain: string; readonly jump: string } {
    const chain = `KERNELET-${this.#scope.tag}-NAT`;
    return { chain, jump: `-i ${this.#scope.interfaces} -j ${chain}` };
  }

  async #refuseIpv6(deadline: Deadline): Promise<void> {
    const rule = ['INPUT', '-i', this.#scope.interfaces, '-j', 'DROP'];
    const known = await this.#filter.run('ip6tables', ['-C', ...rule], deadline);
    if (known.exitCode === 1) await this.#filter.run('ip6tables', ['-I', ...rule], deadline);
  }

  #chains(): readonly [forward: string, input: string] {
    return [`KERNELET-${this.#scope.tag}`, `KERNELET-${this.#scope.tag}-IN`];
  }

  #forwardJumps(): readonly string[] {
    const [forward] = this.#chains();
    return ['-i', '-o'].map((side) => `${side} ${this.#scope.interfaces} -j ${forward}`);
  }

  #inputJump(): string {
    return `-i ${this.#scope.interfaces} -j ${this.#chains()[1]}`;
  }

  /** The engine's chain comes before all that it lets pass; after a flush FORWARD does not lead there any more. */
  #forwardsThrough(rules: Chains): string {
    const theirs = this.#rulesChain;
    return theirs !== null && isReached(rules, 'FORWARD', `-j ${theirs}`) ? theirs : 'FORWARD';
  }

  #ownRules(rules: Chains): string {
    return JSON.stringify(this.#chains().map((chain) => rules.get(chain) ?? null));
  }

  /** Ours come first: a rule of others before them could let pass what they refuse. */
  async #jumpFirst(rules: Chains, from: string, jump: string, deadline: Deadline): Promise<void> {
    if (isReached(rules, from, jump)) return;
    // What is not reached protects nothing: it may go for a moment.
    if (rules.get(from)?.includes(jump)) await this.#filter.run('iptables', ['-D', from, ...jump.split(' ')], deadline);
    await this.#runOrThrow('iptables', ['-I', from, '1', ...jump.split(' ')], deadline);
  }

  /** Null: they cannot be listed. */
  async #list(deadline: Deadline): Promise<Chains | null> {
    const { exitCode, stdout } = await this.#filter.run('iptables', ['-S', '-v'], deadline);
    deadline.check();
    if (exitCode !== 0) return null;
    const counting = stdout
      .split('\n')
      .find((line) => line.startsWith(`-A ${this.#chains()[0]} `) && line.includes('connlimit'));
    this.#refusedPackets = Number(counts.exec(counting ?? '')?.[1] ?? 0);
    return rulesOf(stdout);
  }

  async #runOrThrow(
    program: 'iptables' | 'iptables-restore',
    args: readonly string[],
    deadline: Deadline,
    input?: string,
  ): Promise<void> {
    const { exitCode, stderr } = await this.#filter.run(program, args, deadline, input);
    // A run that was ended says nothing about this machine.
    deadline.check();
    if (exitCode !== 0) throw new KerneletError('NOT_SUPPORTED', `${program}: ${stderr || 'cannot be run'}`);
  }
}
