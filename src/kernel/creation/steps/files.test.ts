import { lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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
  const warned: unknown[] = [];
  const log = { ...silentLogger, warn: (_: string, fields?: unknown) => void warned.push(fields) };
  using deadline = new Deadline({ what: 'test', timeoutMs: 5_000 });
  await filesStep({ scratch, users: async () => sameUsers, files: localFiles, log }).apply(
    recordFixture({ spec, restoredFrom: 'a' }),
    deadline,
  );
  expect(await readFile(join(work, 'changed'), 'utf8')).toBe('by the user');
  expect((await lstat(join(work, 'folder'))).isDirectory()).toBe(true);
  expect(await readFile(join(work, 'twice'), 'utf8')).toBe('5');
  expect(await readFile(join(config, 'known'), 'utf8')).toBe('new');
  expect(warned).toMatchObject([{ path: 'link/below' }, { path: 'file/below' }]);
});
