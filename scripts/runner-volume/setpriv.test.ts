import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findSetpriv } from './setpriv.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-setpriv-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('setpriv is a program that drops capabilities: scripts of that name and relative folders are passed over', async () => {
  const fake = join(folder, 'setpriv');
  await writeFile(fake, '#!/bin/sh\necho --bounding-set\n');
  await chmod(fake, 0o755);
  const found = await findSetpriv(`${folder}:.:relative`);
  expect(found?.path).not.toBe(fake);
  if (found) expect(found.loader).toMatch(/^\/.*ld-linux/);
});
