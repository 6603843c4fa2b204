/** Programs that measure, run as the daemon is: with its options of V8 and its variables, and a process to themselves. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const daemon = path.resolve(import.meta.dirname, '..', 'bin', 'kernelet');
const maxBytes = 64 * 1024 * 1024;

/** The command that starts this program of JavaScript or TypeScript as `bin/kernelet` starts the daemon, with further options of Node. */
export async function daemonCommand(program: string, ...options: readonly string[]): Promise<[string, ...string[]]> {
  const script = await readFile(daemon, 'utf8');
  const flags = /^flags='(.*)'$/m.exec(script)?.[1];
  const variables = /^export (.*)$/m.exec(script)?.[1];
  if (!flags || !variables) throw new Error(`${daemon} does not say with which options and variables the daemon runs`);
  return ['/usr/bin/env', ...variables.split(' '), process.execPath, ...flags.split(' '), ...options, program];
}

/** What a program of this folder prints. Rejects when it fails. */
export async function runAsDaemon(program: string, ...args: readonly string[]): Promise<string> {
  const [command, ...rest] = await daemonCommand(program, '--expose-gc', '--no-warnings');
  const { stdout } = await run(command, [...rest, ...args], { maxBuffer: maxBytes });
  return stdout;
}
