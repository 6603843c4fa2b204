import { describe, expect, it } from 'vitest';
import {
  appArmorProfileOf,
  parseOpenFilesLimit,
  parseSocketInodes,
  readEngineInfo,
  readOpenFilesLimit,
} from './engine-info.ts';

describe('readEngineInfo', () => {
  const infoOf = (dataRoot: string, ...options: readonly string[]) =>
    readEngineInfo(
      {
        ...{ ID: 'id', Architecture: 'x86_64', Driver: 'overlay2', CgroupVersion: '2', CgroupDriver: 'cgroupfs' },
        ...{ NCPU: 1, MemTotal: 1, DockerRootDir: dataRoot, SecurityOptions: options },
      },
      { name: 'docker', version: '1', apiVersion: '1.41', components: [] },
    );

  it('knows from the data root whom the engine maps root to', () => {
    expect(infoOf('/data/100000.200000', 'name=userns').mappedRoot).toEqual({ uid: 100_000, gid: 200_000 });
    expect(infoOf('/data/100000.200000', 'name=seccomp,profile=default').mappedRoot).toBeNull();
  });

  it('takes no engine that maps users for one that does not', () => {
    expect(() => infoOf('/data', 'name=userns')).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringContaining('data root /data does not') }),
    );
  });
});

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

describe('appArmorProfileOf', () => {
  it.each([
    [['name=apparmor', 'name=seccomp,profile=default'], ['Engine', 'containerd'], 'docker-default'],
    [['name=seccomp,profile=default'], ['Engine'], null],
    [['name=apparmor'], ['Podman Engine'], null],
  ])('of %j and %j is %s', (securityOptions, components, profile) => {
    expect(appArmorProfileOf({ securityOptions }, { components })).toBe(profile);
  });
});

describe('readOpenFilesLimit', () => {
  it('is undefined where no engine listens', async () => {
    expect(await readOpenFilesLimit('/nonexistent/docker.sock')).toBeUndefined();
  });
});
