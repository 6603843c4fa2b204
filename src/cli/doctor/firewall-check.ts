/** Can kernels be kept apart from each other and from the host? That takes iptables and root. */
import { type CheckResult, commandOutput, type DoctorCheck, failed, ok } from './check.ts';

/** The result, given what `iptables` prints: its version and the rules of FORWARD; null when it fails. */
export function firewallResult(version: string | null, rules: string | null, userId: number): CheckResult {
  if (version === null) {
    return failed('iptables is missing: only `--network none` can be used', 'apt-get install -y iptables');
  }
  if (userId !== 0) {
    return failed(`${version.trim()}, but you are not root, as kernelet has to be`, 'sudo kernelet doctor');
  }
  if (rules === null) return failed(`${version.trim()} cannot read the rules`, 'modprobe ip_tables iptable_filter');
  return ok(version.trim());
}

export const firewallCheck = {
  name: 'firewall',
  async run({ userId, signal }) {
    const version = await commandOutput('iptables', ['--version'], signal);
    return firewallResult(version, await commandOutput('iptables', ['-w', '2', '-S', 'FORWARD'], signal), userId);
  },
} satisfies DoctorCheck;
