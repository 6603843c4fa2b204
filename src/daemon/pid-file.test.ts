import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claimPidFile } from './pid-file.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pid-file-'));
  file = path.join(folder, 'agent.pid');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The pid of a process that has ended. */
async function endedPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid ?? 0;
}

it('names this process, for everybody, until it is let go of', async () => {
  {
    await using _claimed = await claimPidFile(file);
    expect(await readFile(file, 'utf8')).toBe(`${process.pid}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    expect((await stat(`${file}.lock`)).mode & 0o777).toBe(0o600);
  }
  expect(await readdir(folder)).toEqual([]);
});

it('keeps a second daemon out, and leaves the file of the first', async () => {
  await using _claimed = await claimPidFile(file);
  await expect(claimPidFile(file)).rejects.toMatchObject({
    code: 'STATE_LOCKED',
    message: expect.stringContaining(`${file} is in use by the process ${process.pid}`),
  });
  expect(await readFile(file, 'utf8')).toBe(`${process.pid}\n`);
});

it('takes over what a killed daemon has left, whoever has locked the file that all may read', async () => {
  await writeFile(file, `${await endedPid()}\n`, { mode: 0o644 });
  await writeFile(`${file}.lock`, '');
  const locking = 'exec 9<"$0"; flock 9; echo locked; exec sleep 60';
  using other = spawn('sh', ['-c', locking, file], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(other.stdout, 'data');
  {
    await using _claimed = await claimPidFile(file);
    expect(await readFile(file, 'utf8')).toBe(`${process.pid}\n`);
  }
  expect(await readdir(folder)).toEqual([]);
});

it.each([
  ['a process that is gone', async () => String(await endedPid())],
  ['nothing', async () => ''],
  ['no number', async () => 'agent\n'],
  ['this process, from before a container was made again', async () => String(process.pid)],
])('takes over a file that names %s', async (_, content) => {
  await writeFile(file, await content());
  await using _claimed = await claimPidFile(file);
  expect(await readFile(file, 'utf8')).toBe(`${process.pid}\n`);
});

it('refuses a file of another program that lives, and leaves it', async () => {
  using other = spawn('sleep', ['60']);
  await writeFile(file, `${other.pid}\n`);
  await expect(claimPidFile(file)).rejects.toMatchObject({
    code: 'STATE_LOCKED',
    message: expect.stringContaining(String(other.pid)),
  });
  expect(await readFile(file, 'utf8')).toBe(`${other.pid}\n`);
});

it('takes over a file that is older than the process that has got its pid', async () => {
  using other = spawn('sleep', ['60']);
  await writeFile(file, `${other.pid}\n`);
  const before = Date.now() / 1000 - 3600;
  await utimes(file, before, before);
  await using _claimed = await claimPidFile(file);
  expect(await readFile(file, 'utf8')).toBe(`${process.pid}\n`);
});

it('refuses what is no file, and follows no link', async () => {
  await expect(claimPidFile(folder)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  await writeFile(path.join(folder, 'precious'), 'kept');
  await symlink(path.join(folder, 'precious'), file);
  await expect(claimPidFile(file)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  expect(await readFile(path.join(folder, 'precious'), 'utf8')).toBe('kept');
});

it('names a place that cannot be written', async () => {
  await expect(claimPidFile(path.join(folder, 'none', 'agent.pid'))).rejects.toMatchObject({
    code: 'STATE_UNUSABLE',
    message: expect.stringContaining('none/agent.pid'),
  });
});
