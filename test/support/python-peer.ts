/**
 * Python with the packages of `test/peers/requirements.txt`, in a folder of the cache: made once, from PyPI, by the first
 * test that needs it. A test that needs it fails without; it never passes unseen.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { outcomeOf } from './command.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const requirements = path.join(root, 'test', 'peers', 'requirements.txt');
const interpreters = ['python3.11', 'python3.12', 'python3.13', 'python3'];
const maxInstallMs = 300_000;
const maxRunMs = 45_000;

function run(command: string, ...args: string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8', timeout: maxInstallMs });
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed:\n${done.stdout}${done.stderr}${done.error ?? ''}`);
}

/** The path of the interpreter. */
async function ensurePython(): Promise<string> {
  const mark = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = path.join(root, '.cache', 'test', `python-${mark}`);
  const ready = path.join(folder, 'bin', 'python');
  if (existsSync(ready)) return ready;
  const base = interpreters.find(
    (name) => spawnSync(name, ['-c', 'import sys; assert sys.version_info >= (3, 11)']).status === 0,
  );
  if (!base) throw new Error(`none of ${interpreters.join(', ')} is Python 3.11 or later`);
  const unfinished = `${folder}.${process.pid}`;
  run(base, '-m', 'venv', unfinished);
  run(
    path.join(unfinished, 'bin', 'python'),
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--requirement',
    requirements,
  );
  await rename(unfinished, folder).catch(async () => rm(unfinished, { recursive: true, force: true }));
  return ready;
}

/** Runs a script of `test/peers/` with a JSON document on its input, and returns the document that it prints. */
export async function runPeer(script: string, job: object): Promise<Readonly<Record<string, unknown>>> {
  const child = spawn(await ensurePython(), [path.join(root, 'test', 'peers', script)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: maxRunMs,
  });
  child.stdin.end(JSON.stringify(job));
  const { status, text, stderr } = await outcomeOf(child);
  if (status !== 0) throw new Error(`${script} ended with ${status}:\n${stderr}`);
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}
