import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../lib/log.ts';
import { BootNote } from './boot-note.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-boot-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('says that the machine was started when another start is noted, and nothing of a folder without a note', async () => {
  const note = new BootNote(folder, silentLogger);
  expect(await note.isRebooted()).toBe(false);
  await note.write();
  expect(await readFile(join(folder, 'boot-id'), 'utf8')).toBe(
    await readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
  );
  expect(await note.isRebooted()).toBe(false);
  await writeFile(join(folder, 'boot-id'), '00000000-0000-4000-8000-000000000000\n');
  expect(await note.isRebooted()).toBe(true);
  await note.write();
  expect(await note.isRebooted()).toBe(false);
});
