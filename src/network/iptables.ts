/** Runs iptables and its relatives: arguments only, no shell, waiting for the table's lock, within a deadline. */
import { spawn } from 'node:child_process';
import type { Deadline } from '../lib/deadline.ts';

/** What a run said. */
export interface CommandResult {
  /** −1: the program could not be run, or was ended. */
  readonly exitCode: number;
  readonly stderr: string;
}

/** Runs one program of the family with arguments, and text on its standard input. Never rejects. */
export type IptablesRunner = (
  program: 'iptables' | 'iptables-restore' | 'ip6tables',
  args: readonly string[],
  deadline: Deadline,
  input?: string,
) => Promise<CommandResult>;

/** Seconds that iptables waits for another user of the table. */
const lockSeconds = '5';
const maxStderr = 4096;

/** The machine's iptables. */
export const runIptables: IptablesRunner = (program, args, deadline, input = '') =>
  new Promise((resolve) => {
    let stderr = '';
    const child = spawn(program, ['-w', lockSeconds, ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
      signal: deadline.signal,
      killSignal: 'SIGKILL',
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-maxStderr);
    });
    child.once('error', (error) => resolve({ exitCode: -1, stderr: error.message }));
    child.once('close', (code) => resolve({ exitCode: code ?? -1, stderr: stderr.trim() }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
