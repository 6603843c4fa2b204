import { describe, expect, it } from 'vitest';
import { parseOpenFilesLimit, parseSocketInodes, readOpenFilesLimit } from './engine-info.ts';

describe('parseOpenFilesLimit', () => {
  it('reads the hard limit', () => {
    const limits =
      'Max processes   1   2   processes\nMax open files            1024                 20000      files\n';
    expect(parseOpenFilesLimit(limits)).toBe(20_000);
    expect(parseOpenFilesLimit('Max open files  1024  unlimited  files')).toBeUndefined();
    expect(parseOpenFilesLimit('')).toBeUndefined();
  });
});

describe('parseSocketInodes', () => {
  it('finds the sockets of a path', () => {
    const table = [
      'Num       RefCount Protocol Flags    Type St Inode Path',
      '0000000000000000: 00000002 00000000 00010000 0001 01 20881 /run/docker.sock',
      '0000000000000000: 00000003 00000000 00000000 0001 03 20882 /run/docker.sock',
      '0000000000000000: 00000003 00000000 00000000 0001 03 20883',
      '0000000000000000: 00000002 00000000 00010000 0001 01     7 /run/a b.sock',
    ].join('\n');
    expect([...parseSocketInodes(table, new Set(['/run/docker.sock']))]).toEqual(['20881', '20882']);
    expect([...parseSocketInodes(table, new Set(['/run/a b.sock']))]).toEqual(['7']);
  });
});

describe('readOpenFilesLimit', () => {
  it('is undefined where no engine listens', async () => {
    expect(await readOpenFilesLimit('/nonexistent/docker.sock')).toBeUndefined();
  });
});
