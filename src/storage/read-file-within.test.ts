import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readFileWithin } from './read-file-within.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-within-'));
  mkdirSync(join(folder, 'a'));
  writeFileSync(join(folder, 'a', 'file'), 'content');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('reads files, and nothing that leads elsewhere or is none', async () => {
  expect(await readFileWithin(folder, 'a/file', 7)).toBe('content');
  symlinkSync('/etc/passwd', join(folder, 'link'));
  symlinkSync('/etc', join(folder, 'way'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const refused: readonly [string, RegExp][] = [
    ['link', /ELOOP/],
    ['way/passwd', /ELOOP|ENOTDIR/],
    ['../file', /no path below/],
    ['/etc/passwd', /no path below/],
    ['pipe', /no file/],
    ['a', /no file|EISDIR/],
    ['none', /ENOENT/],
  ];
  for (const [path, why] of refused) await expect(readFileWithin(folder, path, 100), path).rejects.toThrow(why);
  await expect(readFileWithin(folder, 'a/file', 6)).rejects.toThrow('more than 6 bytes');
});
