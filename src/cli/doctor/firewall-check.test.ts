import { expect, it } from 'vitest';
import { lastAddress, type ProbeResult } from '../../network/firewall/probe.ts';
import { type FirewallFacts, firewallResult } from './firewall-check.ts';

const version = 'nftables v1.0.6 (Lester Gooch #5)';
const probed = (...found: readonly ProbeResult[]) => new Map(found.map((result, index) => [`kl-${index}`, result]));
const taken = { walls: null, counting: null, metadata: null };
const facts: FirewallFacts = { userId: 0, version, readable: true, trial: taken, probes: new Map() };

it.each<[string, Partial<FirewallFacts>, object]>([
  ['can be used', {}, { state: 'ok', detail: version }],
  ['is missing', { version: null, readable: false }, { state: 'failed', fix: 'apt-get install -y nftables' }],
  ['is read by root alone', { readable: false, userId: 1000 }, { state: 'failed', fix: 'sudo kernelet doctor' }],
  ['is not in the kernel', { readable: false }, { state: 'failed', fix: expect.stringContaining('modprobe') }],
  [
    'refuses packets',
    { probes: probed('filtered') },
    { state: 'ok', detail: `${version}; a packet from kl-0 was refused` },
  ],
  [
    'lets a packet of one bridge of two through',
    { probes: probed('filtered', 'open') },
    { state: 'failed', detail: expect.stringContaining('kernels on kl-1 reach this host') },
  ],
  ['cannot be tried', { probes: probed('unknown') }, { state: 'warning' }],
  ['takes no rules', { trial: { ...taken, walls: 'no table' } }, { state: 'failed', detail: 'no table' }],
  [
    'cannot count connections',
    { trial: { ...taken, counting: 'no module' } },
    { state: 'failed', fix: expect.stringContaining('nft_connlimit') },
  ],
  [
    'cannot lead kernels to metadata',
    { trial: { ...taken, metadata: 'no redirect' } },
    { state: 'warning', detail: 'kernels get no metadata: no redirect', fix: expect.stringContaining('nft_redir') },
  ],
  ['cannot be given rules', { trial: null }, { state: 'warning', fix: 'apt-get install -y iproute2' }],
])('a firewall that %s', (_what, found, result) => {
  expect(firewallResult({ ...facts, ...found })).toMatchObject(result);
});

// @promise doctor-probes
it.each([
  ['172.18.0.1/16', '172.18.255.254'],
  ['10.4.0.1/24', '10.4.0.254'],
  ['192.168.1.129/29', '192.168.1.134'],
  ['10.0.0.1/30', null],
  ['fe80::1/64', null],
])('the last address of %s is %s', (network, last) => {
  expect(lastAddress(network)).toBe(last);
});
