import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { flock } from './flock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-flock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('locks an open file until its descriptor is closed', async () => {
  const path = join(folder, 'lock');
  const [first, second] = [openSync(path, 'a+'), openSync(path, 'a+')];
  expect(await flock(first)).toBe('locked');
  expect(await flock(second)).toBe('taken');
  closeSync(first);
  expect(await flock(second)).toBe('locked');
  closeSync(second);
});

it('says why it cannot', async () => {
  const path = process.env['PATH'];
  const descriptor = openSync(join(folder, 'lock'), 'a+');
  try {
    process.env['PATH'] = folder;
    expect(await flock(descriptor)).toEqual({ failure: 'the program flock of util-linux is missing' });
  } finally {
    process.env['PATH'] = path;
    closeSync(descriptor);
  }
});
