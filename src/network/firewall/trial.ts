/**
 * Tries the rules of kernels' networks where no packet comes by, in a network of the trial's own: whether this machine takes
 * them is seen when they are put there, since what they need is in modules of the Linux kernel.
 */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { silentLogger } from '../../lib/log.ts';
import { runProgram } from '../../lib/run-program.ts';
import { Firewall } from './firewall.ts';
import type { PacketFilter } from './packet-filter.ts';
import type { FirewallScope, MetadataTarget } from './rule-set.ts';

const timeoutMs = 15_000;
const maxOutputBytes = 2 ** 20;

/** What a machine says of rules that it cannot take; null = it takes them. */
export interface RulesTrial {
  /** Of those that keep kernels off each other and the host. */
  readonly walls: string | null;
  /** Of those that count connections. */
  readonly counting: string | null;
  /** Of those that lead kernels to metadata, where that is asked for. */
  readonly metadata: string | null;
}

/** What the rules of a network are to do. */
export interface TriedRules {
  /** See `FirewallScope`. */
  readonly connectionLimit: number;
  /** See `FirewallFacts`. */
  readonly metadata: MetadataTarget | null;
}

/** Whether a packet filter takes the rules of a network that are to do this. Never rejects. */
export async function tryRules(filter: PacketFilter, wanted: TriedRules, signal: AbortSignal): Promise<RulesTrial> {
  let metadataProblem: string | null = null;
  const problemWith = async (connectionLimit: number, metadata: MetadataTarget | null): Promise<string | null> => {
    const scope: FirewallScope = { tag: 'trial', interfaces: 'kl-trial', kind: 'isolated', connectionLimit };
    const firewall = new Firewall(scope, { filter, rulesChain: null, clock: systemClock, log: silentLogger });
    const facts = { interfaces: [], metadata, refused: [], refusedPorts: [] };
    const options = { what: 'the trial of rules', timeoutMs, signal };
    try {
      await withDeadline(options, (deadline) => firewall.apply(facts, deadline));
      metadataProblem = firewall.metadataProblem;
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  const { connectionLimit, metadata } = wanted;
  const walls = await problemWith(0, null);
  if (walls !== null) return { walls, counting: null, metadata: null };
  const counting = connectionLimit === 0 ? null : await problemWith(connectionLimit, null);
  if (metadata !== null) await problemWith(0, metadata);
  return { walls, counting, metadata: metadataProblem };
}

/** Tries them in a network that is made for it; null when none can be made. Needs root. Never rejects, and leaves nothing. */
export async function tryRulesHere(wanted: TriedRules, signal: AbortSignal): Promise<RulesTrial | null> {
  const space = `kernelet-trial-${randomBytes(4).toString('hex')}`;
  const ip = (args: readonly string[], ends: AbortSignal) => runProgram('ip', args, { signal: ends, timeoutMs });
  try {
    if ((await ip(['netns', 'add', space], signal)).exitCode !== 0) return null;
    return await tryRules(filterIn(space), wanted, signal);
  } finally {
    await ip(['netns', 'delete', space], AbortSignal.timeout(timeoutMs));
  }
}

/** The packet filter of a network with a name. What holds for the whole machine stays as it is. */
const filterIn = (space: string): PacketFilter => ({
  run: (program, args, { signal }, input = '') =>
    runProgram('ip', ['netns', 'exec', space, program, ...args], { signal, input, maxOutputBytes }),
  filterBridges: async () => true,
});
