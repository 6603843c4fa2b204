/** A packet filter in memory, that takes in what the firewall writes and can be flushed as others flush a real one. */
import type { ProgramResult } from '../../src/lib/run-program.ts';
import type { FilterProgram, PacketFilter } from '../../src/network/firewall/packet-filter.ts';

const result = (exitCode: number, stdout = '', stderr = ''): ProgramResult => ({ exitCode, stdout, stderr });

export class FakePacketFilter implements PacketFilter {
  /** Programs that this machine does not have. */
  readonly missing: Set<FilterProgram>;
  /** Text of each table of nftables. */
  readonly tables = new Map<string, string>();
  /** Rules of each chain of iptables. */
  readonly chains = new Map<string, string[]>([
    ['INPUT', []],
    ['FORWARD', ['-j DUMMY-USER']],
    ['DUMMY-USER', ['-j RETURN']],
    // Of the table of this name.
    ['nat PREROUTING', []],
  ]);
  /** Whether packets between the ports of a bridge can be filtered. */
  bridges = true;
  /** What each rule that counts has counted. */
  refusedPackets = 0;
  /** Each call, the program first. */
  readonly calls: string[] = [];

  constructor(missing: readonly FilterProgram[] = []) {
    this.missing = new Set(missing);
  }

  async filterBridges(): Promise<boolean> {
    return this.bridges;
  }

  async run(program: FilterProgram, args: readonly string[], _deadline: unknown, input = ''): Promise<ProgramResult> {
    this.calls.push([program, ...args].join(' '));
    if (this.missing.has(program)) return result(-1, '', `spawn ${program} ENOENT`);
    switch (program) {
      case 'nft':
        return this.#nft(args, input);
      case 'iptables-restore':
        return this.#restore(input);
      case 'iptables':
        return this.#iptables(args);
      case 'ip6tables':
        return result(0);
    }
  }

  #nft(args: readonly string[], input: string): ProgramResult {
    const [verb, , ...name] = args.filter((arg) => arg !== '--terse');
    if (verb === '-f') {
      this.tables.set(/^table (\S+ \S+)/m.exec(input)?.[1] ?? '', input);
      return result(0);
    }
    const key = name.join(' ');
    const text = this.tables.get(key);
    if (text === undefined) return result(1, '', 'No such file or directory');
    if (verb === 'delete') this.tables.delete(key);
    return result(0, text.replace('counter', `counter packets ${this.refusedPackets} bytes 0`));
  }

  #restore(input: string): ProgramResult {
    let table = '';
    for (const line of input.split('\n')) {
      if (line.startsWith('*')) table = line === '*nat' ? 'nat ' : '';
      const [, chain = ''] = /^:(\S+)/.exec(line) ?? [];
      if (chain !== '') this.chains.set(`${table}${chain}`, []);
      const [, to = '', rule = ''] = /^-A (\S+) (.*)$/.exec(line) ?? [];
      if (to !== '') this.chains.get(`${table}${to}`)?.push(rule);
    }
    return result(0);
  }

  #iptables(args: readonly string[]): ProgramResult {
    const table = args[0] === '-t' ? `${args[1]} ` : '';
    const [verb, name = '', ...rest] = table === '' ? args : args.slice(2);
    const chain = `${table}${name}`;
    const rules = this.chains.get(chain);
    if (verb === '-S') {
      const ofTable = [...this.chains].filter(([key]) => key.startsWith('nat ') === (table !== ''));
      const counted = rest.includes('-v') || name === '-v' ? ` -c ${this.refusedPackets} 0 -j` : ' -j';
      const lines = ofTable.flatMap(([key, held]) => [
        `-N ${key.slice(table.length)}`,
        ...held.map((rule) => `-A ${key.slice(table.length)} ${rule.replace(' -j', counted)}`),
      ]);
      // The kernel lists all chains before the first rule.
      return result(
        0,
        lines.toSorted((one, other) => Number(one.startsWith('-A')) - Number(other.startsWith('-A'))).join('\n'),
      );
    }
    if (rules === undefined) return result(1, '', `no chain ${chain}`);
    if (verb === '-I') rules.unshift(rest.slice(1).join(' '));
    if (verb === '-F') rules.length = 0;
    if (verb === '-X') this.chains.delete(chain);
    if (verb === '-D') {
      const at = rules.indexOf(rest.join(' '));
      if (at < 0) return result(1, '', 'no such rule');
      rules.splice(at, 1);
    }
    return result(0);
  }
}
