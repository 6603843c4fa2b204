import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../lib/log.ts';
import { BootNote } from './boot-note.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-boot-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('says when the machine was started when another start is noted, and nothing of a folder without a note', async () => {
  const note = (): BootNote => new BootNote(folder, silentLogger);
  expect(await note().rebootedAt()).toBeNull();
  await note().write();
  expect(await readFile(join(folder, 'boot-id'), 'utf8')).toBe(
    await readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
  );
  expect(await note().rebootedAt()).toBeNull();
  await writeFile(join(folder, 'boot-id'), '00000000-0000-4000-8000-000000000000\n');
  const rebooted = note();
  const bootedAt = Date.now() - uptime() * 1000;
  expect(Math.abs(((await rebooted.rebootedAt()) ?? 0) - bootedAt)).toBeLessThan(2_000);
  await rebooted.write();
  // What it said of the start it says as long as this process lives.
  expect(await rebooted.rebootedAt()).not.toBeNull();
  expect(await note().rebootedAt()).toBeNull();
});
