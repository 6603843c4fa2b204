import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseMountTable } from '../../lib/mount-table.ts';
import { stateResult } from './state-check.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-state-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const root = '1 0 0:1 / / rw - ext4 /dev/x rw\n';
const mounted = (fileSystem: string, options: string) =>
  parseMountTable(`${root}2 1 0:2 / ${folder} ${options} - ${fileSystem} /dev/y rw\n`);

it('is fine when it is for its owner alone, or can be made', async () => {
  expect(await stateResult(folder, parseMountTable(root))).toEqual({ state: 'ok', detail: folder });
  const deep = join(folder, 'a', 'b');
  expect(await stateResult(deep, parseMountTable(root))).toEqual({
    state: 'ok',
    detail: `${deep}, to be made in ${folder}`,
  });
});

it('is a warning when others may look into it', async () => {
  await chmod(folder, 0o750);
  expect(await stateResult(folder, parseMountTable(root))).toMatchObject({
    state: 'warning',
    fix: `chmod 700 ${folder}`,
  });
});

it.each([
  ['ext4', 'rw,noexec', 'failed', /mounted noexec$/],
  ['ext4', 'ro', 'failed', /mounted read-only$/],
  ['nfs4', 'rw', 'warning', /lies on nfs4: an outage stops the daemon$/],
] as const)('on %s mounted %s is %s', async (fileSystem, options, state, detail) => {
  const finding = await stateResult(join(folder, 'new'), mounted(fileSystem, options));
  expect(finding).toMatchObject({
    state,
    detail: expect.stringMatching(detail),
    fix: expect.stringContaining('--state-dir'),
  });
});
