/** Can kernels be kept apart from each other and from the host, and are they? That takes nftables or iptables, and root. */
import { agentBridges, type ProbeResult, probeBridge } from '../../network/firewall/probe.ts';
import { type RulesTrial, tryRulesHere } from '../../network/firewall/trial.ts';
import { type CheckResult, commandOutput, type DoctorCheck, failed, ok, warning } from './check.ts';

/** What the machine has to keep kernels apart with, and what packets from each bridge meet. */
export interface FirewallFacts {
  readonly userId: number;
  /** What `nft --version`, else `iptables --version` prints; null where there is neither. */
  readonly version: string | null;
  /** Whether its rules can be read. */
  readonly readable: boolean;
  /** What it says of the rules; null = they could not be tried. */
  readonly trial: RulesTrial | null;
  /** What became of packets from each bridge of an agent. */
  readonly probes: ReadonlyMap<string, ProbeResult>;
}

/** The result of these facts. Pure. */
export function firewallResult({ userId, version, readable, trial, probes }: FirewallFacts): CheckResult {
  if (version === null) {
    return failed(
      'nftables and iptables are missing: only `--network none` can be used',
      'apt-get install -y nftables',
    );
  }
  if (userId !== 0) return failed(`${version}, but you are not root, as kernelet has to be`, 'sudo kernelet doctor');
  if (!readable) return failed(`${version} cannot read the rules`, 'modprobe -a nf_tables ip_tables iptable_filter');
  if (trial?.walls) return failed(trial.walls, 'modprobe -a nf_tables nft_ct nft_reject_inet br_netfilter');
  if (trial?.counting) {
    return failed(
      `${trial.counting}; they can without kernelet.connection-limit`,
      'modprobe nft_connlimit || modprobe xt_connlimit  # or set kernelet.connection-limit to 0',
    );
  }
  const of = (wanted: ProbeResult) => [...probes].filter(([, found]) => found === wanted).map(([bridge]) => bridge);
  const [open, unknown] = [of('open'), of('unknown')];
  if (open.length > 0) {
    const text = `kernels on ${open.join(', ')} reach this host: somebody removed the rules that keep them off`;
    return failed(
      text,
      'kernelet serve  # a running daemon puts the rules back within 10 s, or says in its log why it cannot',
    );
  }
  if (unknown.length > 0) {
    return warning(
      `${version}; no packet could be sent from ${unknown.join(', ')}`,
      'apt-get install -y iproute2 bash',
    );
  }
  if (trial === null) return warning(`${version}; its rules could not be tried`, 'apt-get install -y iproute2');
  if (trial.metadata) {
    return warning(
      `kernels get no metadata: ${trial.metadata}`,
      'modprobe -a nft_nat nft_redir || modprobe xt_REDIRECT  # or set kernelet.metadata-server = false',
    );
  }
  return ok(probes.size === 0 ? version : `${version}; a packet from ${[...probes.keys()].join(', ')} was refused`);
}

export const firewallCheck = {
  name: 'firewall',
  async run({ settings, userId, signal }) {
    // As the firewall does: the first that works.
    const nft = await commandOutput('nft', ['--version'], signal);
    const usesNft = nft !== null && userId === 0 && (await commandOutput('nft', ['list', 'tables'], signal)) !== null;
    const iptables = usesNft ? null : await commandOutput('iptables', ['--version'], signal);
    const found = (version: string | null) => ({ userId, version: version?.trim() ?? null });
    const none = { readable: false, trial: null, probes: new Map<string, ProbeResult>() };
    // Nobody else may look.
    if (userId !== 0) return firewallResult({ ...found(nft ?? iptables), ...none });
    const readable = usesNft || (await commandOutput('iptables', ['-w', '2', '-S', 'FORWARD'], signal)) !== null;
    const version = usesNft ? nft : (iptables ?? nft);
    if (!readable) return firewallResult({ ...found(version), ...none });
    const probes = new Map<string, ProbeResult>();
    for (const bridge of await agentBridges(signal)) probes.set(bridge, await probeBridge(bridge, signal));
    const { connectionLimit, agent } = settings;
    // Which address it is makes no difference to what the machine can.
    const metadata = agent.metadataServer === null ? null : { ...agent.metadataServer, host: null };
    const trial = await tryRulesHere({ connectionLimit, metadata }, signal);
    return firewallResult({ ...found(version), readable, trial, probes });
  },
} satisfies DoctorCheck;
