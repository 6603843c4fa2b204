import { describe, expect, it } from 'vitest';
import { FrameError } from './frame.ts';
import { fileChange, fileResultGuards, fileType, permissions, unpackedArchive } from './kernel-files.ts';

const sent = { filename: 'f', size: 1, mode: '-rw-r-----', ctime: 1, mtime: 1.5, atime: -1 };

describe('a file', () => {
  it('of a runner of an older version has no owner and no target', () => {
    const { file } = fileResultGuards['stat-file']({ path: '/home/work/f', file: sent });
    expect(file).toEqual({ ...sent, type: 'file', permissions: '640', uid: null, gid: null, target: null });
    const link = { ...sent, mode: 'lrwxrwxrwx', uid: 1000, gid: 100, target: 'x' };
    expect(fileResultGuards['stat-file']({ path: '/f', file: link }).file).toMatchObject({ ...link, type: 'link' });
  });

  it.each([
    ['-rw-r--r--', 'file', '644'],
    ['drwxrwxrwt', 'folder', '1777'],
    ['prw-------', 'pipe', '600'],
    ['srwxr-xr-x', 'socket', '755'],
    ['brw-rw----', 'device', '660'],
    ['c---------', 'device', '000'],
    ['-rwsr-Sr-T', 'file', '7744'],
    ['?---------', 'unknown', '000'],
    ['', 'unknown', '000'],
  ])('of the mode %j is a %s with %s', (mode, type, bits) => {
    expect([fileType(mode), permissions(mode)]).toEqual([type, bits]);
  });
});

it.each([
  [() => fileResultGuards['stat-file']({ path: '/', file: { ...sent, uid: -1 } })],
  [() => fileResultGuards['stat-file']({ path: '/', file: { ...sent, target: 1 } })],
  [() => fileResultGuards['stat-file']({ path: '/', file: { ...sent, mode: '-'.repeat(17) } })],
  [() => fileResultGuards['stat-file']({ path: 1, file: sent })],
  [() => fileResultGuards['make-folder']({ created: 'yes' })],
  [() => fileResultGuards['remove-file']({ removed: -1, complete: true })],
  [() => fileResultGuards['remove-file']({ removed: 1 })],
  [
    () =>
      unpackedArchive({ bytes: 1, files: 1, skipped: Array(101).fill({ name: 'a', reason: 'b' }), skippedCount: 101 }),
  ],
  [() => unpackedArchive({ bytes: 1, files: 1, skipped: [{ name: 'a' }], skippedCount: 1 })],
  [() => fileChange({ type: 'renamed', path: 'a', file: 'file' })],
  [() => fileChange({ type: 'created', path: 'a', file: 'door' })],
  [() => fileChange({ type: 'created', path: 'x'.repeat(16_385), file: 'file' })],
  [() => fileChange({ type: 'lost' })],
  [() => fileChange([])],
])('what a runner invents about files is refused: %s', (read) => {
  expect(read).toThrow(FrameError);
});

it.each([
  { type: 'watching', path: '/home/work' },
  { type: 'written', path: 'a', file: 'file' },
  { type: 'lost', reason: 'much' },
])('a change is read as it is: %j', (change) => {
  expect(fileChange({ ...change, more: 1 })).toEqual(change);
});

it('results are read as they are', () => {
  expect(fileResultGuards['make-folder']({ created: true })).toEqual({ created: true });
  expect(fileResultGuards['move-file']({ any: 1 })).toBeNull();
  expect(fileResultGuards['remove-file']({ removed: 3, complete: false })).toEqual({ removed: 3, complete: false });
  const unpacked = { bytes: 1, files: 1, skipped: [{ name: 'a', reason: 'b' }], skippedCount: 1 };
  expect(unpackedArchive(unpacked)).toEqual(unpacked);
});
