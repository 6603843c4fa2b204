/**
 * flock(2), which Node does not offer, by the program of that name: a lock belongs to the open file and not to the
 * process that asked, so it stays with the descriptor when the program has ended, until its last copy is closed.
 */
import { spawn } from 'node:child_process';
import { systemErrorCode } from './system-error.ts';

const program = 'flock';
/** What the program ends with when another process has the lock. */
const taken = 1;
const maxWordsLength = 500;

/** Whether the lock was taken, or why it cannot be. */
export type FlockOutcome = 'locked' | 'taken' | { readonly failure: string };

/** Locks an open file exclusively, at once or not at all. */
export function flock(descriptor: number): Promise<FlockOutcome> {
  return new Promise((resolve) => {
    let said = '';
    const child = spawn(program, ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor] });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, maxWordsLength);
    });
    child.once('error', (error) => {
      const code = systemErrorCode(error);
      const failure = code === 'ENOENT' ? `the program ${program} of util-linux is missing` : (code ?? error.message);
      resolve({ failure });
    });
    child.once('close', (status) => {
      if (status === 0) resolve('locked');
      else if (status === taken) resolve('taken');
      else resolve({ failure: said.trim() || `${program} ended with status ${status}` });
    });
  });
}
