import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { growDescriptorTable, OpenFileCache } from './open-file-cache.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-kept-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const open = async (): Promise<number> => (await readdir('/proc/self/fd')).length;

it('reads a file from its beginning each time, whatever its size', async () => {
  const place = path.join(folder, 'file');
  const files = new OpenFileCache({ maxOpen: 10 });
  using file = files.file(place);
  for (const size of [0, 1, 3071, 3072, 4096, 70_000, 900_000, 5]) {
    const text = 'x'.repeat(size);
    await writeFile(place, text);
    expect(file.read()).toBe(text);
  }
});

it('refuses a file that is too long, and reads the next', async () => {
  const place = path.join(folder, 'file');
  await writeFile(place, Buffer.alloc(9 * 2 ** 20, 65));
  using file = new OpenFileCache({ maxOpen: 10 }).file(place);
  expect(() => file.read()).toThrow(/file is longer than 8388608 bytes/);
  await writeFile(place, 'short');
  expect(file.read()).toBe('short');
});

it('reads files of the kernel, which hand out pieces', () => {
  const files = new OpenFileCache({ maxOpen: 10 });
  using file = files.file('/proc/self/mountinfo');
  expect(file.read()).toBe(file.read());
  expect(file.read().split('\n').at(-1)).toBe('');
});

it('keeps no more open than it may, and closes what is disposed of, once', async () => {
  const before = await open();
  const files = new OpenFileCache({ maxOpen: 2 });
  const kept = ['/proc/stat', '/proc/meminfo', '/proc/loadavg'].map((place) => files.file(place));
  for (const file of kept) file.read();
  expect([files.open, await open()]).toEqual([2, before + 2]);
  for (const file of kept) file[Symbol.dispose]();
  for (const file of kept) file[Symbol.dispose]();
  expect([files.open, await open()]).toEqual([0, before]);
});

it('asks once for an optional file that is absent', async () => {
  let calls = 0;
  const files = new OpenFileCache({
    maxOpen: 2,
    calls: {
      open: () => {
        calls += 1;
        throw Object.assign(new Error('no'), { code: 'ENOENT' });
      },
      read: () => 0,
      close: () => {},
    },
  });
  using file = files.optional('/absent');
  expect([file.read(), file.read(), calls]).toEqual([null, null, 1]);
});

const room = (): number => Number(/^FDSize:\s*(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

it('makes room for files to come, and leaves none open', async () => {
  const [before, wanted] = [await open(), room() + 1];
  await growDescriptorTable(wanted);
  expect(room()).toBeGreaterThanOrEqual(wanted);
  expect(await open()).toBeLessThan(before + 20);
});
