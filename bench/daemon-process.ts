/** Programs that measure, run as the daemon is: with its options of V8, and a process to themselves. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const daemon = path.resolve(import.meta.dirname, '..', 'bin', 'kernelet');
const maxBytes = 64 * 1024 * 1024;

/** What a program of this folder prints. Rejects when it fails. */
export async function runAsDaemon(program: string, ...args: readonly string[]): Promise<string> {
  const flags = /^flags='(.*)'$/m.exec(await readFile(daemon, 'utf8'))?.[1];
  if (flags === undefined) throw new Error(`${daemon} does not say with which options the daemon runs`);
  const options = [...flags.split(' '), '--expose-gc', '--no-warnings'];
  const { stdout } = await run(process.execPath, [...options, program, ...args], { maxBuffer: maxBytes });
  return stdout;
}
