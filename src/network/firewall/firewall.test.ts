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
  const firewall = new Firewall(scope, { filter, rulesChain: 'DUMMY-USER', clock: new FakeClock(), log });
  return {
    filter,
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
