import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { lockHolder, startProcess } from './agent-process.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-holder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('knows how a process that it has started ended', async () => {
  expect(await (await startProcess(['sh', '-c', 'exit 7'])).ended).toBe(7);
  const sleeping = await startProcess(['sleep', '60']);
  sleeping.signal('SIGTERM');
  expect(await sleeping.ended).toBe('SIGTERM');
  await expect(startProcess([path.join(folder, 'none')])).rejects.toThrow('ENOENT');
});

it('finds the process that has locked a state folder, and when it has ended', async () => {
  expect(await lockHolder(folder, systemClock)).toBe(null);
  const lock = path.join(folder, 'lock');
  // As a daemon that was killed leaves it: the file names a process, and nobody holds the lock.
  await writeFile(lock, `${process.pid}\n`);
  expect(await lockHolder(folder, systemClock)).toBe(null);
  const script = 'exec 9<>"$0"; flock 9; echo $$ >&9; echo locked; exec sleep 60';
  const holder = spawn('sh', ['-c', script, lock], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(holder.stdout, 'data');
  await writeFile(lock, `${holder.pid}\n`);
  const found = await lockHolder(folder, systemClock);
  expect(found?.pid).toBe(holder.pid);
  found?.signal('SIGTERM');
  expect(await found?.ended).toBe(null);
  expect(await lockHolder(folder, systemClock)).toBe(null);
});
