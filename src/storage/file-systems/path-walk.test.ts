import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isAtOrBelow, type Mount } from '../../lib/mount-table.ts';
import { systemErrorCode } from '../../lib/system-error.ts';
import { walk } from './file-calls.ts';
import { findFile } from './path-walk.ts';

let root: string;
let asked: string[];
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'kernelet-walk-')));
  asked = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const mountAt = (mountPoint: string): Mount => ({
  ...{ mountPoint, fileSystem: 'nfs4', source: 'server:/x', options: new Set(), fileSystemOptions: new Set() },
});
/** The table with these folders as mount points. */
const find = (path: string, ...mountPoints: readonly string[]) =>
  findFile(path, ['/', ...mountPoints].map(mountAt), async (mount, folder, names) => {
    asked.push(mount?.mountPoint ?? '');
    for (const [index] of names.entries()) {
      const at = join(folder, ...names.slice(0, index + 1));
      expect(isAtOrBelow(at, mount?.mountPoint ?? '')).toBe(true);
      for (const other of mountPoints.filter((one) => one.length > (mount?.mountPoint ?? '').length))
        expect(isAtOrBelow(at, other), `${at} is asked of ${mount?.mountPoint}`).toBe(false);
    }
    return await walk({ folder, names });
  });

it('each part of a way is asked of the file system in which it lies, where links lead too', async () => {
  await mkdir(join(root, 'healthy/inner/deep'), { recursive: true });
  await mkdir(join(root, 'dead/data'), { recursive: true });
  await writeFile(join(root, 'dead/data/file'), 'four');
  await symlink(join(root, 'dead/data'), join(root, 'healthy/inner/link'));
  await symlink('../healthy/inner/link/./file', join(root, 'dead/back'));
  const [healthy, inner, dead] = [join(root, 'healthy'), join(root, 'healthy/inner'), join(root, 'dead')];
  expect(await find(join(inner, 'deep/'), healthy, inner, dead)).toMatchObject({
    path: join(inner, 'deep'),
    kind: 'folder',
  });
  expect(asked).toEqual(['/', healthy, inner]);
  asked = [];
  expect(await find(join(inner, 'link/file'), healthy, inner, dead)).toEqual({
    ...{ path: join(dead, 'data/file'), kind: 'file', size: 4 },
  });
  expect(asked).toEqual(['/', healthy, inner, '/', dead]);
  expect((await find(join(dead, 'back'), inner, dead)).path).toBe(join(dead, 'data/file'));
  expect((await find(dead, dead)).path).toBe(dead);
  expect(await find('/')).toMatchObject({ path: '/', kind: 'folder' });
  expect((await find('/dev/null')).kind).toBe('character-device');
});

it('a way leads where the system finds it, or is refused as the system does', async () => {
  const names = ['a', 'b', 'c'];
  const part = fc.constantFrom(...names, ...names, '.', '..', '');
  const way = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
  const entry = fc.record({
    at: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
    what: fc.oneof(
      fc.constant('folder'),
      fc.constant('file'),
      way,
      way.map((text) => `ROOT/${text}`),
    ),
  });
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 8 }), way, fc.subarray(names), async (entries, asks, mounted) => {
      count += 1;
      const top = join(root, String(count));
      await mkdir(top);
      for (const { at, what } of entries) {
        const place = join(top, ...at);
        const target = what.replace('ROOT', top);
        // What is in the way, or leads back, stays as it is.
        if (what === 'folder') await mkdir(place, { recursive: true }).catch(() => {});
        else if (what === 'file') await writeFile(place, '').catch(() => {});
        else if (target !== '') await symlink(target, place).catch(() => {});
      }
      const points: string[] = [];
      for (const name of mounted) {
        const place = join(top, name);
        // A link is never a mount point.
        if ((await realpath(place).catch(() => '')) === place) points.push(place);
      }
      const path = `${top}/${asks}`;
      const [expected, found] = await Promise.all([
        realpath(path).catch((error: unknown) => systemErrorCode(error)),
        find(path, ...points).then(
          (one) => one.path,
          (error: unknown) => systemErrorCode(error),
        ),
      ]);
      expect(found, `${path} with ${points}`).toBe(expected);
    }),
    { numRuns: 300 },
  );
});
