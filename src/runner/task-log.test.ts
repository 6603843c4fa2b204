import type { StdioOptions } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KernelId } from '../lib/ids.ts';
import { TaskLog, taskLogPath } from './task-log.ts';
import { spawnTenant, type TenantProcess } from './tenant-process.ts';

const kernel = '01234567-89ab-4cde-8f01-23456789abcd' as KernelId;
let home: string;
let writers: TenantProcess[];
let log: TaskLog;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'kernelet-task-'));
  writers = [];
  // The shell and `cat` of this machine, in place of those of the runner's volume.
  const spawnBare = (argv: readonly string[], environ: Record<string, string>, stdio: StdioOptions): TenantProcess => {
    const local = ['/bin/sh', ...argv.slice(1, -1), '/usr/bin/env'];
    const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const writer = spawnTenant({ ...ids, argv: local, environ: { ...environ, PATH: '/usr/bin:/bin' }, stdio });
    writers.push(writer);
    return writer;
  };
  log = new TaskLog({ home, spawnBare }, kernel);
});
afterEach(async () => {
  for (const writer of writers) writer.signal('SIGKILL');
  await Promise.all(writers.map(({ exited }) => exited));
  rmSync(home, { recursive: true, force: true });
});

const path = (): string => taskLogPath(home, kernel);
const written = (): string => (existsSync(path()) ? readFileSync(path(), 'utf8') : '');

// @promise task-log
it('what batches print is appended to the file that users of a cluster read', async () => {
  expect(taskLogPath('/home/work', kernel)).toBe('/home/work/.logs/task/01/23/456789ab4cde8f0123456789abcd.log');
  mkdirSync(join(home, '.logs'));
  log.open();
  log.copy(Buffer.from('first\n'));
  log.open();
  log.copy(Buffer.from('second\n'));
  await expect.poll(written).toBe('first\nsecond\n');
  expect(writers).toHaveLength(1);
});

it('without the folder nothing is made, and what is printed goes nowhere', async () => {
  log.open();
  log.copy(Buffer.from('x'));
  expect(await writers[0]?.exited).toMatchObject({ exitCode: 1 });
  log.copy(Buffer.from('y'));
  expect(existsSync(join(home, '.logs'))).toBe(false);
});

it('a writer that was ended is replaced by the next batch, and one that stands still holds nobody up', async () => {
  mkdirSync(join(home, '.logs'));
  log.open();
  log.copy(Buffer.from('a'));
  await expect.poll(written).toBe('a');
  writers[0]?.signal('SIGKILL');
  await writers[0]?.exited;
  log.open();
  log.copy(Buffer.from('b'));
  await expect.poll(written).toBe('ab');
  writers[1]?.signal('SIGSTOP');
  for (let pieces = 0; pieces < 64; pieces += 1) log.copy(Buffer.alloc(65_536, 'c'));
  expect(writers[1]?.duplex(0)?.writableLength).toBeLessThanOrEqual(2 ** 20);
});

it('a file in the place of the folder is left as it is', async () => {
  writeFileSync(join(home, '.logs'), 'mine');
  log.open();
  expect(await writers[0]?.exited).toMatchObject({ exitCode: 1 });
  expect(readFileSync(join(home, '.logs'), 'utf8')).toBe('mine');
});
