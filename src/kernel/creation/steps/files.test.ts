import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localFiles } from '../../../../test/support/foreign-files.ts';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { scratchParts } from '../../../../test/support/scratch-parts.ts';
import { Deadline } from '../../../lib/deadline.ts';
import { silentLogger } from '../../../lib/log.ts';
import { sameUsers } from '../../../storage/container-users.ts';
import { ScratchFolders } from '../../../storage/scratch.ts';
import type { KernelRecord } from '../../record.ts';
import type { KernelFile } from '../../spec.ts';
import { filesStep } from './files.ts';

let root: string;
let scratch: ScratchFolders;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-files-'));
  scratch = new ScratchFolders(join(root, 'scratch'), scratchParts());
});
afterEach(async () => {
  await scratch[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const file = (path: string, text: string, folder: 'home' | 'config' = 'home'): KernelFile => ({
  ...{ folder, path, text, mode: 0o644 },
  owner: 'tenant',
});

async function lay(record: KernelRecord): Promise<readonly unknown[]> {
  const warned: unknown[] = [];
  const log = { ...silentLogger, warn: (_: string, fields?: unknown) => void warned.push(fields) };
  using deadline = new Deadline({ what: 'test', timeoutMs: 5_000 });
  await filesStep({ scratch, users: async () => sameUsers, files: localFiles, log }).apply(record, deadline);
  return warned;
}

it('lays files with their modes, and places of their kind for what is mounted into the home', async () => {
  await mkdir(join(root, 'data'));
  await writeFile(join(root, 'license'), 'x');
  const mount = (name: string, target: string) => ({ source: join(root, name), target, readOnly: true });
  const spec = specFixture({
    files: [
      file('.ssh/config', 'a'),
      { ...file('.profile', 'b'), mode: 0o600, owner: 'root' },
      file('known', 'c', 'config'),
    ],
    mounts: [mount('data', '/home/work/vf/data'), mount('license', '/home/work/license'), mount('data', '/opt/data')],
  });
  const { work, config } = scratch.paths(spec.id);
  await scratch.create(spec.id, spec.user);
  expect(await lay(recordFixture({ spec }))).toEqual([]);
  const modeOf = async (...path: readonly string[]) => (await lstat(join(...path))).mode & 0o777;
  expect([await modeOf(work, '.ssh'), await modeOf(work, '.ssh/config')]).toEqual([0o755, 0o644]);
  expect([await modeOf(work, '.profile'), await readFile(join(work, '.profile'), 'utf8')]).toEqual([0o600, 'b']);
  expect(await readFile(join(config, 'known'), 'utf8')).toBe('c');
  expect((await lstat(join(work, 'vf/data'))).isDirectory()).toBe(true);
  expect((await lstat(join(work, 'license'))).isFile()).toBe(true);
  expect((await readdir(work)).sort()).toEqual(['.profile', '.ssh', 'license', 'vf']);
});

it('leaves what is in a home that is brought back, and what is in the way of a file', async () => {
  const files = ['changed', 'folder', 'link/below', 'file/below', 'twice', 'twice'].map((path, at) =>
    file(path, `${at}`),
  );
  const spec = specFixture({ files: [...files, file('known', 'new', 'config')] });
  const { work, config } = scratch.paths(spec.id);
  await scratch.create(spec.id, spec.user);
  await writeFile(join(work, 'changed'), 'by the user');
  await mkdir(join(work, 'folder'));
  await symlink('/nowhere', join(work, 'link'));
  await writeFile(join(work, 'file'), 'x');
  await writeFile(join(config, 'known'), 'old');
  const warned = await lay(recordFixture({ spec, restoredFrom: 'a' }));
  expect(await readFile(join(work, 'changed'), 'utf8')).toBe('by the user');
  expect((await lstat(join(work, 'folder'))).isDirectory()).toBe(true);
  expect(await readFile(join(work, 'twice'), 'utf8')).toBe('5');
  expect(await readFile(join(config, 'known'), 'utf8')).toBe('new');
  expect(warned).toMatchObject([{ path: 'link/below' }, { path: 'file/below' }]);
});
