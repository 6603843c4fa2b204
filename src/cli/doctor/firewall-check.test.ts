import { expect, it } from 'vitest';
import { firewallResult } from './firewall-check.ts';

const version = 'iptables v1.8.9 (nf_tables)\n';

it.each([
  [version, '-P FORWARD ACCEPT\n', 0, { state: 'ok', detail: 'iptables v1.8.9 (nf_tables)' }],
  [null, null, 0, { state: 'failed', fix: 'apt-get install -y iptables' }],
  [version, null, 1000, { state: 'failed', fix: 'sudo kernelet doctor' }],
  [version, null, 0, { state: 'failed', fix: 'modprobe ip_tables iptable_filter' }],
])('version %j, rules %j, user %i', (shown, rules, user, finding) => {
  expect(firewallResult(shown, rules, user)).toMatchObject(finding);
});
