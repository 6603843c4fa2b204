/** This machine's packet filter: the programs that set its rules, and whether bridged packets pass them at all. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Deadline } from '../../lib/deadline.ts';
import { type ProgramResult, runProgram } from '../../lib/run-program.ts';

export type FilterProgram = 'nft' | 'iptables' | 'iptables-restore' | 'ip6tables';

/** The packet filter of a machine. */
export interface PacketFilter {
  /** Runs one program with arguments (no shell) and text on its standard input, within the deadline. Never rejects. */
  run(program: FilterProgram, args: readonly string[], deadline: Deadline, input?: string): Promise<ProgramResult>;
  /**
   * Has packets between the ports of a bridge pass the filter, as they do not by themselves; true where they do from now
   * on. Never rejects.
   */
  filterBridges(): Promise<boolean>;
}

/** Seconds that iptables waits for another user of the table. */
const lockSeconds = '5';
/** A listing with a hundred thousand rules of others takes as much. */
const maxOutputBytes = 2 ** 24;

/** There once the kernel's module br_netfilter is; `1` = bridged packets are filtered. */
const bridgeSetting = '/proc/sys/net/bridge/bridge-nf-call-iptables';

function run(
  program: FilterProgram,
  args: readonly string[],
  { signal }: Deadline,
  input = '',
): Promise<ProgramResult> {
  const wait = program === 'nft' ? [] : ['-w', lockSeconds];
  return runProgram(program, [...wait, ...args], { signal, input, maxOutputBytes });
}

async function filterBridges(): Promise<boolean> {
  try {
    if ((await readFile(bridgeSetting, 'utf8')).trim() !== '1') await writeFile(bridgeSetting, '1');
    return true;
  } catch {
    return false;
  }
}

/** The packet filter of this machine. */
export const machinePacketFilter: PacketFilter = { run, filterBridges };

/** For engines whose containers have no network that a packet could come from. */
export const noPacketFilter: PacketFilter = {
  run: async () => ({ exitCode: 0, stdout: '', stderr: '' }),
  filterBridges: async () => true,
};
