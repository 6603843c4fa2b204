import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { FakePacketFilter } from '../../../test/support/fake-packet-filter.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { silentLogger } from '../../lib/log.ts';
import { Firewall } from './firewall.ts';
import { chainsText } from './iptables-chains.ts';
import { tableText } from './nft-table.ts';
import type { FirewallFacts } from './rule-set.ts';

const one = { tag: '0a1b2c3d', interfaces: 'kl-0a1b2c3d', kind: 'isolated', connectionLimit: 100 } as const;
const gateway = { tag: '0a1b2c3d-G', interfaces: 'gateway', kind: 'shared', connectionLimit: 0 } as const;
const plain: FirewallFacts = { interfaces: [], metadata: null, refused: [], refusedPorts: [] };

function setUp(filter: FakePacketFilter) {
  const clock = new FakeClock();
  const firewall = new Firewall(one, { filter, rulesChain: 'DUMMY-USER', clock, log: silentLogger });
  return { filter, clock, firewall };
}

describe('metadata', () => {
  const metadata = { host: null, port: 40_128 };
  const asking = { ...plain, metadata };
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
    const elsewhere = { ...plain, metadata: { host: '10.0.0.9', port: 5 } };
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
    await apply(firewall, plain);
    await apply(firewall, asking);
    expect([holds(), firewall.restored]).toEqual([true, 0]);
    if (name === 'iptables') filter.chains.get('nat PREROUTING')?.splice(0);
    else filter.tables.clear();
    await apply(firewall, asking);
    expect([holds(), firewall.restored]).toEqual([true, 1]);
    await apply(firewall, plain);
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
    await apply(firewall, plain);
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
    await apply(firewall, plain);
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
