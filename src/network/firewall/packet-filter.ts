/** This machine's packet filter: the programs that set its rules, and whether bridged packets pass them at all. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import type { Deadline } from '../../lib/deadline.ts';

/** How a run of a program ended. */
export interface FilterResult {
  /** −1: the program could not be run, or was ended. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type FilterProgram = 'nft' | 'iptables' | 'iptables-restore' | 'ip6tables';

/** The packet filter of a machine. */
export interface PacketFilter {
  /** Runs one program with arguments (no shell) and text on its standard input, within the deadline. Never rejects. */
  run(program: FilterProgram, args: readonly string[], deadline: Deadline, input?: string): Promise<FilterResult>;
  /**
   * Has packets between the ports of a bridge pass the filter, as they do not by themselves; true where they do from now
   * on. Never rejects.
   */
  filterBridges(): Promise<boolean>;
}

/** Seconds that iptables waits for another user of the table. */
const lockSeconds = '5';
const maxStderr = 4096;
/** The listing of a table with a thousand rules of others takes a tenth of this. */
const maxStdout = 2 ** 20;

/** There once the kernel's module br_netfilter is; `1` = bridged packets are filtered. */
const bridgeSetting = '/proc/sys/net/bridge/bridge-nf-call-iptables';

function run(program: FilterProgram, args: readonly string[], deadline: Deadline, input = ''): Promise<FilterResult> {
  return new Promise((resolve) => {
    const output = { stdout: '', stderr: '' };
    const wait = program === 'nft' ? [] : ['-w', lockSeconds];
    const child = spawn(program, [...wait, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: deadline.signal,
      killSignal: 'SIGKILL',
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
    });
    child.once('error', (error) => resolve({ exitCode: -1, stdout: '', stderr: error.message }));
    child.once('close', (code) => resolve({ exitCode: code ?? -1, ...output, stderr: output.stderr.trim() }));
    // Without descriptors left there are no pipes, and the error follows.
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output.stdout = (output.stdout + text).slice(0, maxStdout);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output.stderr = (output.stderr + text).slice(-maxStderr);
    });
    child.stdin?.on('error', () => {}).end(input);
  });
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
