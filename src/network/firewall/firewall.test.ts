import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { FakePacketFilter } from '../../../test/support/fake-packet-filter.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { Firewall } from './firewall.ts';
import { chainsText, isReached, rulesOf } from './iptables-chains.ts';
import { tableText } from './nft-table.ts';
import type { FirewallFacts, FirewallScope } from './rule-set.ts';

const one = { tag: '0a1b2c3d', interfaces: 'kl-0a1b2c3d', kind: 'isolated', connectionLimit: 100 } as const;
const several = { tag: '0a1b2c3d-S', interfaces: 'ks0a1b2c3d+', kind: 'joined', connectionLimit: 100 } as const;
const gateway = { tag: '0a1b2c3d-G', interfaces: 'gateway', kind: 'shared', connectionLimit: 0 } as const;
const facts = (interfaces: readonly string[] = []): FirewallFacts => ({
  interfaces,
  metadata: null,
  refused: [],
  refusedPorts: [],
});

function setUp(filter = new FakePacketFilter(), scope: FirewallScope = one) {
  const warned: unknown[] = [];
  const log: Logger = { ...silentLogger, warn: (_text, fields) => void warned.push(fields?.['refusedPackets']) };
  const clock = new FakeClock();
  const firewall = new Firewall(scope, { filter, rulesChain: 'DUMMY-USER', clock, log });
  return {
    filter,
    clock,
    firewall,
    warned,
    /** Whether it found that somebody had removed the rules. */
    apply: async (interfaces: readonly string[] = []): Promise<boolean> => {
      const before = firewall.restored;
      await withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => firewall.apply(facts(interfaces), deadline));
      return firewall.restored > before;
    },
    remove: () => withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => firewall.remove(deadline)),
  };
}

describe('the rules of a network', () => {
  it('refuse what kernels send to this host, link-local addresses and each other, and what was sent past a published address', () => {
    expect(tableText(one, facts())).toBe(
      `table inet kernelet-0a1b2c3d
delete table inet kernelet-0a1b2c3d
table inet kernelet-0a1b2c3d {
  set connections { type ipv4_addr; size 65536; flags dynamic; }
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "kl-0a1b2c3d" ip daddr 169.254.0.0/16 reject
    iifname "kl-0a1b2c3d" ct state new add @connections { ip saddr ct count over 100 } counter reject
    iifname "kl-0a1b2c3d" oifname "kl-0a1b2c3d" reject
    iifname != "kl-0a1b2c3d" oifname "kl-0a1b2c3d" ct state != { established, related } ct status & dnat != dnat drop
  }
  chain input {
    type filter hook input priority filter - 10; policy accept;
    iifname "kl-0a1b2c3d" ct state { established, related } accept
    iifname "kl-0a1b2c3d" meta nfproto ipv6 drop
    iifname "kl-0a1b2c3d" reject
  }
}
`,
    );
    expect(chainsText(one, facts()).split('\n').slice(3, 7)).toEqual([
      '-A KERNELET-0a1b2c3d -i kl-0a1b2c3d -d 169.254.0.0/16 -j REJECT',
      '-A KERNELET-0a1b2c3d -i kl-0a1b2c3d -m conntrack --ctstate NEW -m connlimit --connlimit-above 100 --connlimit-mask 32 --connlimit-saddr -j REJECT',
      '-A KERNELET-0a1b2c3d -i kl-0a1b2c3d -o kl-0a1b2c3d -j REJECT',
      '-A KERNELET-0a1b2c3d ! -i kl-0a1b2c3d -o kl-0a1b2c3d -m conntrack ! --ctstate ESTABLISHED,RELATED,DNAT -j DROP',
    ]);
  });

  it('let kernels of one session reach each other, and no other session', () => {
    const table = tableText(several, facts(['ks0a1b2c3daaaaa', 'ks0a1b2c3dbbbbb']));
    const within = table.indexOf('iifname "ks0a1b2c3daaaaa" oifname "ks0a1b2c3daaaaa" accept');
    expect(within).toBeGreaterThan(0);
    expect(table.indexOf('iifname "ks0a1b2c3d*" oifname "ks0a1b2c3d*" reject')).toBeGreaterThan(within);
    expect(chainsText(several, facts(['ks0a1b2c3daaaaa']))).toContain(
      '-i ks0a1b2c3daaaaa -o ks0a1b2c3daaaaa -j RETURN\n-A KERNELET-0a1b2c3d-S -i ks0a1b2c3d+ -o ks0a1b2c3d+ -j REJECT',
    );
    // What kernels of a session say to each other is in the table too.
    expect(table.indexOf('ct count over 100')).toBeLessThan(within);
    // The names of chains have 28 characters at most.
    expect('KERNELET-0a1b2c3d-S-IN'.length).toBeLessThanOrEqual(28);
  });
});

describe('metadata', () => {
  const metadata = { host: null, port: 40_128 };
  const asking = { ...facts(), metadata };
  const apply = (firewall: Firewall, now: FirewallFacts): Promise<void> =>
    withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => firewall.apply(now, deadline));

  // @promise metadata-one-address
  it('is led to from the one address and port, and what is sent to the server itself is refused', () => {
    const lines = (text: string): readonly string[] => text.split('\n').map((line) => line.trim());
    const table = lines(tableText(one, asking));
    const led =
      'iifname "kl-0a1b2c3d" ct status & dnat == dnat meta l4proto tcp ct original ip daddr 169.254.169.254 ct original proto-dst 80 tcp dport 40128';
    expect(table.slice(table.indexOf('chain input {') + 2)).toEqual([
      'iifname "kl-0a1b2c3d" ct state { established, related } accept',
      'iifname "kl-0a1b2c3d" meta nfproto ipv6 drop',
      `${led} add @connections { ip saddr ct count over 100 } counter reject`,
      `${led} accept`,
      'iifname "kl-0a1b2c3d" reject',
      '}',
      'chain prerouting {',
      'type nat hook prerouting priority dstnat - 10; policy accept;',
      'iifname "kl-0a1b2c3d" ip daddr 169.254.169.254 tcp dport 80 redirect to :40128',
      '}',
      '}',
      '',
    ]);
    // The rest of link-local addresses is refused as ever.
    expect(table).toContain('iifname "kl-0a1b2c3d" ip daddr 169.254.0.0/16 reject');
    const chains = lines(chainsText(one, asking));
    expect(chains.slice(0, 5)).toEqual([
      '*nat',
      ':KERNELET-0a1b2c3d-NAT - [0:0]',
      '-A KERNELET-0a1b2c3d-NAT -i kl-0a1b2c3d -d 169.254.169.254 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 40128',
      'COMMIT',
      '*filter',
    ]);
    const match =
      '-A KERNELET-0a1b2c3d-IN -p tcp -m tcp --dport 40128 -m conntrack --ctstate DNAT --ctorigdst 169.254.169.254 --ctorigdstport 80';
    expect(chains.slice(-5, -2)).toEqual([
      `${match} -m connlimit --connlimit-above 100 --connlimit-mask 32 --connlimit-saddr -j REJECT`,
      `${match} -j RETURN`,
      '-A KERNELET-0a1b2c3d-IN -j REJECT',
    ]);
  });

  it('is led to where the operator has the server listen, and from no network of somebody else', () => {
    const elsewhere = { ...facts(), metadata: { host: '10.0.0.9', port: 5 } };
    expect(tableText(one, elsewhere)).toContain('tcp dport 80 dnat ip to 10.0.0.9:5');
    expect(chainsText(one, elsewhere)).toContain('-j DNAT --to-destination 10.0.0.9:5');
    expect([tableText(gateway, asking), chainsText(gateway, asking)].join()).not.toContain('169.254');
  });

  it.each([
    ['nftables', []],
    ['iptables', ['nft']],
  ] as const)('comes, is put back and goes with %s, which is no sign of somebody else', async (name, missing) => {
    const { filter, firewall } = setUp(new FakePacketFilter(missing));
    const holds = (): boolean => JSON.stringify([[...filter.tables], [...filter.chains]]).includes('169.254.169.254');
    await apply(firewall, facts());
    await apply(firewall, asking);
    expect([holds(), firewall.restored]).toEqual([true, 0]);
    if (name === 'iptables') filter.chains.get('nat PREROUTING')?.splice(0);
    else filter.tables.clear();
    await apply(firewall, asking);
    expect([holds(), firewall.restored]).toEqual([true, 1]);
    await apply(firewall, facts());
    expect([holds(), firewall.restored]).toEqual([false, 1]);
    await apply(firewall, asking);
    await withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => firewall.remove(deadline));
    expect(JSON.stringify([[...filter.tables], [...filter.chains]])).not.toMatch(/kernelet/i);
  });

  /** Has what this says of a call's text, or arguments, fail. */
  function failWhere(filter: FakePacketFilter, fails: (text: string) => boolean): void {
    const run = filter.run.bind(filter);
    filter.run = async (program, args, deadline, input = '') =>
      fails(`${args.join(' ')} ${input}`)
        ? { exitCode: 1, stdout: '', stderr: 'no such luck' }
        : await run(program, args, deadline, input);
  }

  it('is given up where nftables cannot lead kernels to it, and those keep them apart all the same, not iptables', async () => {
    const { filter, firewall } = setUp(new FakePacketFilter());
    failWhere(filter, (text) => text.includes('redirect'));
    await apply(firewall, facts());
    await apply(firewall, asking);
    // Connections that were counted are still known.
    expect([...filter.tables.values()].join()).not.toContain('delete table');
    expect(firewall.metadataProblem).toContain('no such luck');
    expect([...filter.tables.values()].join()).toContain('iifname "kl-0a1b2c3d" reject');
    expect([...filter.chains.keys()].filter((chain) => chain.includes('KERNELET'))).toEqual([]);
  });

  it('is tried again after ten minutes where kernels could not be led to it, and not before', async () => {
    const { filter, firewall, clock } = setUp(new FakePacketFilter());
    let tries = 0;
    let isFailing = true;
    failWhere(filter, (text) => {
      if (text.includes('redirect')) tries += 1;
      return text.includes('redirect') && isFailing;
    });
    const leads = (): boolean => [...filter.tables.values()].join().includes('redirect');
    for (const interfaces of [['a'], ['a'], ['b']]) await apply(firewall, { ...asking, interfaces });
    expect(tries).toBe(1);
    await clock.advance(10 * 60_000);
    await apply(firewall, asking);
    expect([tries, leads()]).toEqual([2, false]);
    isFailing = false;
    await apply(firewall, asking);
    expect([tries, leads()]).toEqual([2, false]);
    await clock.advance(10 * 60_000);
    await apply(firewall, asking);
    expect([tries, leads(), firewall.metadataProblem, firewall.restored]).toEqual([3, true, null, 0]);
  });

  it('comes after a call of nftables that was cut off, into chains that are not there yet', async () => {
    const { filter, firewall } = setUp(new FakePacketFilter());
    await apply(firewall, facts());
    const stop = new AbortController();
    failWhere(filter, (text) => {
      if (stop.signal.aborted || !text.startsWith('-f -')) return false;
      stop.abort(new Error('the daemon ends'));
      return true;
    });
    const options = { what: 'test', timeoutMs: 5_000, signal: stop.signal };
    await expect(withDeadline(options, (deadline) => firewall.apply(asking, deadline))).rejects.toThrow('ends');
    await apply(firewall, asking);
    const put = [...filter.tables.values()].join();
    expect(put).toContain('redirect');
    expect(put).not.toContain('flush chain inet kernelet-0a1b2c3d prerouting');
  });

  it('has one rule that leads to it in iptables, also behind one of others, and a listing that fails is no removal', async () => {
    const { filter, firewall } = setUp(new FakePacketFilter(['nft']));
    await apply(firewall, asking);
    const ours = '-i kl-0a1b2c3d -j KERNELET-0a1b2c3d-NAT';
    filter.chains.get('nat PREROUTING')?.unshift('-p tcp -j ACCEPT');
    await apply(firewall, asking);
    expect(filter.chains.get('nat PREROUTING')).toEqual([ours, '-p tcp -j ACCEPT']);
    expect(firewall.restored).toBe(1);
    let isFailing = true;
    failWhere(filter, (text) => isFailing && text.includes('-t nat -S'));
    await apply(firewall, asking);
    expect(firewall.restored).toBe(1);
    const remove = () => withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => firewall.remove(deadline));
    await remove();
    isFailing = false;
    await remove();
    expect(JSON.stringify([...filter.chains])).not.toContain('KERNELET');
  });
});

describe('the limit of connections', () => {
  it('is not there where it is 0', () => {
    const none = { ...one, connectionLimit: 0 };
    expect(tableText(none, facts())).not.toContain('connections');
    expect(chainsText(none, facts())).not.toContain('connlimit');
  });

  it('forgets no connection when networks come and go, and does when somebody else has changed the table', async () => {
    const { filter, apply } = setUp(undefined, several);
    const put = () => [...filter.tables.values()].join();
    await apply(['ks0a1b2c3daaaaa']);
    expect(put()).toContain('delete table');
    const before = filter.calls.length;
    await apply(['ks0a1b2c3daaaaa', 'ks0a1b2c3dbbbbb']);
    // A look at what is there, the change, and a look at what came of it.
    expect(filter.calls.length - before).toBe(3);
    expect(put()).not.toContain('delete table');
    expect(put()).toMatch(
      /^flush chain inet kernelet-0a1b2c3d-S forward\nflush chain inet kernelet-0a1b2c3d-S input\n/,
    );
    filter.tables.set('inet kernelet-0a1b2c3d-S', 'table inet kernelet-0a1b2c3d-S { of somebody else }');
    await apply(['ks0a1b2c3daaaaa', 'ks0a1b2c3dbbbbb']);
    expect(put()).toContain('delete table');
  });
});

describe('services of the cluster', () => {
  const refusing = { ...facts(), refused: [{ address: '10.0.0.5', port: 2379 }], refusedPorts: [6001] };

  // @promise no-cluster-services
  it('are refused to kernels, also those on networks of several nodes, where nothing else is', () => {
    expect(tableText(one, refusing)).toContain('iifname "kl-0a1b2c3d" ip daddr 10.0.0.5 tcp dport 2379 reject');
    const table = tableText(gateway, refusing);
    expect(table.split('\n').filter((line) => line.includes('iifname'))).toEqual([
      '    iifname "gateway" ip daddr 10.0.0.5 tcp dport 2379 reject',
      '    iifname "gateway" meta l4proto tcp ct original ip daddr 10.0.0.5 ct original proto-dst 2379 reject',
      '    iifname "gateway" ct status & dnat == dnat meta l4proto tcp ct original proto-dst 6001 reject',
      '    iifname "gateway" ct state { established, related } accept',
      '    iifname "gateway" tcp dport 6001 reject',
    ]);
    expect(chainsText(one, refusing)).toContain('-i kl-0a1b2c3d -d 10.0.0.5 -p tcp --dport 2379 -j REJECT');
    expect(chainsText(gateway, refusing).split('\n').slice(3, -2)).toEqual([
      '-A KERNELET-0a1b2c3d-G -i gateway -d 10.0.0.5 -p tcp --dport 2379 -j REJECT',
      '-A KERNELET-0a1b2c3d-G -i gateway -p tcp -m conntrack --ctorigdst 10.0.0.5 --ctorigdstport 2379 -j REJECT',
      '-A KERNELET-0a1b2c3d-G -i gateway -p tcp -m conntrack --ctstate DNAT --ctorigdstport 6001 -j REJECT',
      '-A KERNELET-0a1b2c3d-G -j RETURN',
      '-A KERNELET-0a1b2c3d-G-IN -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN',
      '-A KERNELET-0a1b2c3d-G-IN -p tcp -m tcp --dport 6001 -j REJECT',
      '-A KERNELET-0a1b2c3d-G-IN -j RETURN',
    ]);
  });

  it('are followed to where they are now', async () => {
    const { filter, firewall } = setUp();
    const apply = (now: FirewallFacts) =>
      withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => firewall.apply(now, deadline));
    await apply(refusing);
    await apply({ ...refusing, refused: [{ address: '10.0.0.6', port: 2379 }] });
    expect(firewall.restored).toBe(0);
    expect([...filter.tables.values()].join()).toContain('10.0.0.6');
  });
});

describe.each([
  ['nftables', []],
  ['iptables', ['nft']],
] as const)('a firewall on a machine with %s', (name, missing) => {
  it('puts the rules in place once, and says whether somebody removed them since', async () => {
    const { filter, apply } = setUp(new FakePacketFilter(missing));
    expect(await apply()).toBe(false);
    const before = filter.calls.length;
    expect(await apply()).toBe(false);
    // What stands costs one run of one program.
    expect(filter.calls.length - before).toBe(1);
    filter.tables.clear();
    for (const rules of filter.chains.values()) rules.length = 0;
    expect(await apply()).toBe(true);
    expect(await apply()).toBe(false);
  });

  it('says how many packets were beyond the limit of connections, which changes no rule', async () => {
    const { filter, apply, warned } = setUp(new FakePacketFilter(missing));
    for (const packets of [0, 0, 7, 7, 10]) {
      filter.refusedPackets = packets;
      expect(await apply()).toBe(false);
    }
    expect(warned).toEqual([7, 3]);
  });

  it('follows the networks of sessions, which is no sign of somebody else', async () => {
    const { filter, apply } = setUp(new FakePacketFilter(missing), several);
    await apply(['ks0a1b2c3daaaaa']);
    expect(await apply(['ks0a1b2c3daaaaa', 'ks0a1b2c3dbbbbb'])).toBe(false);
    const text = name === 'nftables' ? [...filter.tables.values()].join() : JSON.stringify([...filter.chains]);
    expect(text).toContain('ks0a1b2c3dbbbbb');
  });

  it('leaves nothing', async () => {
    const { filter, apply, remove } = setUp(new FakePacketFilter(missing));
    await apply();
    await remove();
    await remove();
    expect([filter.tables.size, [...filter.chains.keys()]]).toEqual([
      0,
      ['INPUT', 'FORWARD', 'DUMMY-USER', 'nat PREROUTING'],
    ]);
    expect(JSON.stringify([...filter.chains])).not.toContain('KERNELET');
  });

  it('refuses where packets between kernels pass no filter', async () => {
    const { filter, apply } = setUp(new FakePacketFilter(missing));
    await apply();
    filter.bridges = false;
    await expect(apply()).rejects.toThrow('br_netfilter');
  });
});

describe('a firewall', () => {
  it('says what neither of them can do', async () => {
    const { apply } = setUp(new FakePacketFilter(['nft', 'iptables-restore']));
    await expect(apply()).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringMatching(/nft: spawn nft ENOENT; iptables-restore: spawn iptables-restore ENOENT/),
    });
  });

  it('keeps no rules of the other kind, which nobody would keep up to date', async () => {
    const filter = new FakePacketFilter();
    const { apply } = setUp(filter, several);
    await apply(['ks0a1b2c3daaaaa']);
    filter.missing.add('nft');
    // Whether they stand cannot be seen, so nobody is told that they were removed.
    expect(await apply(['ks0a1b2c3daaaaa', 'ks0a1b2c3dbbbbb'])).toBe(false);
    expect(filter.chains.has('KERNELET-0a1b2c3d-S')).toBe(true);
    filter.missing.clear();
    await apply(['ks0a1b2c3dccccc']);
    expect([filter.chains.has('KERNELET-0a1b2c3d-S'), filter.tables.size]).toEqual([false, 1]);
  });

  it('removes the chains of a time without nftables', async () => {
    const filter = new FakePacketFilter(['nft']);
    await setUp(filter).apply();
    expect(filter.chains.has('KERNELET-0a1b2c3d')).toBe(true);
    filter.missing.clear();
    await setUp(filter).apply();
    expect([filter.chains.has('KERNELET-0a1b2c3d'), filter.tables.size]).toEqual([false, 1]);
  });

  it('goes round the engine’s chain when nothing leads there any more', async () => {
    const { filter, apply } = setUp(new FakePacketFilter(['nft']));
    await apply();
    expect(filter.chains.get('DUMMY-USER')?.[0]).toContain('-j KERNELET-0a1b2c3d');
    filter.chains.set('FORWARD', []);
    expect(await apply()).toBe(true);
    expect(filter.chains.get('FORWARD')).toEqual([
      '-o kl-0a1b2c3d -j KERNELET-0a1b2c3d',
      '-i kl-0a1b2c3d -j KERNELET-0a1b2c3d',
    ]);
  });

  it('comes before a rule that somebody put in front of it to let packets pass', async () => {
    const { filter, apply } = setUp(new FakePacketFilter(['nft']));
    await apply();
    filter.chains.get('INPUT')?.unshift('-p tcp -j ACCEPT');
    expect(await apply()).toBe(true);
    expect(filter.chains.get('INPUT')).toEqual(['-i kl-0a1b2c3d -j KERNELET-0a1b2c3d-IN', '-p tcp -j ACCEPT']);
  });
});

describe('the way of a packet in iptables', () => {
  it.each([
    [['-j OURS'], true],
    [['-s 10.0.0.1/32 -j DROP', '-j REFUSING', '-j OURS'], true],
    [['-p tcp -j ACCEPT', '-j OURS'], false],
    [['-j RETURN', '-j OURS'], false],
    [['-g REFUSING', '-j OURS'], false],
    [['-j ACCEPTING', '-j OURS'], false],
    [['-j DEEP', '-j OURS'], false],
    [['-j REFUSING'], false],
  ])('of %j gets to our jump: %s', (rules, reached) => {
    const chains = new Map<string, readonly string[]>([
      ['FORWARD', rules],
      ['REFUSING', ['-p udp -j DROP', '-j RETURN']],
      ['ACCEPTING', ['-p udp -j ACCEPT']],
      ['DEEP', ['-j DEEP', '-j ACCEPTING']],
    ]);
    expect(isReached(chains, 'FORWARD', '-j OURS')).toBe(reached);
  });

  it('is read from a listing', () => {
    expect(rulesOf('-P INPUT DROP\n-N A\n-A INPUT -i x -j A\n-A A -j RETURN\n')).toEqual(
      new Map([
        ['INPUT', ['-i x -j A']],
        ['A', ['-j RETURN']],
      ]),
    );
  });
});
