import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { letMountsGo } from '../lib/mount-table.ts';
import { memoryHomeOptions, mountMemoryHome } from './memory-home.ts';

const mib = 2 ** 20;

it('a home in memory has its size, a file for each 16 KiB, no set-id programs, and huge pages where there are some', () => {
  const home = { bytes: 32 * mib, owner: { uid: 1000, gid: 100 } };
  expect(memoryHomeOptions(home, false)).toBe('nosuid,nodev,mode=755,uid=1000,gid=100,size=33554432,nr_inodes=2048');
  expect(memoryHomeOptions(home, true)).toMatch(/,huge=within_size$/);
});

describe.runIf(process.geteuid?.() === 0)('a home in memory', () => {
  // @promise disk-limits
  it('takes what was asked for and no more, and stays what it is when it is mounted again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kernelet-memory-'));
    onTestFinished(async () => {
      await letMountsGo(folder);
      await rm(folder, { recursive: true });
    });
    const root = join(folder, 'kernel');
    const wanted = { bytes: 16 * mib, owner: { uid: 1234, gid: 567 } };
    await mountMemoryHome(root, wanted);
    const home = join(root, 'work');
    const seen = async () => {
      const { uid, gid, mode } = await lstat(home);
      return [uid, gid, mode & 0o7777];
    };
    expect(await seen()).toEqual([1234, 567, 0o755]);
    const { blocks, bsize, files } = await statfs(home);
    expect([blocks * bsize, files]).toEqual([16 * mib, 1024]);
    await writeFile(join(home, 'kept'), 'x');
    await expect(writeFile(join(home, 'large'), Buffer.alloc(17 * mib))).rejects.toThrow('ENOSPC');
    await chmod(home, 0o700);
    await mountMemoryHome(root, wanted);
    expect(await seen()).toEqual([1234, 567, 0o700]);
    expect(await readFile(join(home, 'kept'), 'utf8')).toBe('x');
    expect(execFileSync('findmnt', ['--noheadings', '--output', 'SOURCE', home], { encoding: 'utf8' })).toBe(
      'kernelet\n',
    );
  });
});
