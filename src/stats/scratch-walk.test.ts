import { execFileSync } from 'node:child_process';
import { link, lstat, mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { walkSize } from './scratch-walk.ts';
import { TimeSlices } from './time-slices.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-walk-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const signal = new AbortController().signal;
const slices = () => new TimeSlices(systemClock, { workMs: 10, restMs: 90 });
const bounds = { mostEntries: 10_000, deepest: 20 };
const du = (): number =>
  Number(execFileSync('du', ['-s', '-B1', '--one-file-system', folder], { encoding: 'utf8' }).split('\t')[0]);
/** The folder itself is not counted by the walk. */
const own = 4096;

it('finds what `du` finds: files with holes, links counted once, links not followed', async () => {
  await mkdir(path.join(folder, 'a/b/c'), { recursive: true });
  await writeFile(path.join(folder, 'a/b/c/file'), Buffer.alloc(300_000, 1));
  await link(path.join(folder, 'a/b/c/file'), path.join(folder, 'a/again'));
  await writeFile(path.join(folder, 'a/holes'), 'x');
  await truncate(path.join(folder, 'a/holes'), 50_000_000);
  await symlink('/usr', path.join(folder, 'a/usr'));
  await symlink('/proc/self/fd', path.join(folder, 'fd'));
  const { bytes, complete } = await walkSize(folder, bounds, slices(), signal);
  expect({ bytes: bytes + own, complete }).toEqual({ bytes: du(), complete: true });
});

it('finds files and folders whose names are no text', async () => {
  const odd = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]);
  await mkdir(odd);
  await writeFile(Buffer.concat([odd, Buffer.from('/'), Buffer.from([0xc3])]), Buffer.alloc(300_000, 1));
  const { bytes, complete } = await walkSize(folder, bounds, slices(), signal);
  expect({ bytes: bytes + own, complete }).toEqual({ bytes: du(), complete: true });
});

it('ends at its bounds with what there is at least', async () => {
  for (let name = 0; name < 50; name += 1) await writeFile(path.join(folder, `file${name}`), 'x');
  const few = await walkSize(folder, { ...bounds, mostEntries: 20 }, slices(), signal);
  expect(few).toEqual({ bytes: 20 * 4096, complete: false });
  await mkdir(path.join(folder, '1/2/3/4/5'), { recursive: true });
  expect(await walkSize(folder, { ...bounds, deepest: 3 }, slices(), signal)).toMatchObject({ complete: false });
});

it('leaves no descriptor open, also when it is aborted', async () => {
  await mkdir(path.join(folder, 'a/b/c'), { recursive: true });
  for (let name = 0; name < 500; name += 1) await writeFile(path.join(folder, `a/b/c/file${name}`), 'x');
  const open = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
  const before = await open();
  await walkSize(folder, bounds, slices(), signal);
  const end = new AbortController();
  const walk = walkSize(folder, bounds, slices(), end.signal);
  end.abort(new Error('enough'));
  await expect(walk).rejects.toThrow('enough');
  expect(await open()).toBeLessThanOrEqual(before);
});

it('finds what is in a folder of more names than are taken at once', async () => {
  for (let name = 0; name < 1_500; name += 1) await writeFile(path.join(folder, `file${name}${'x'.repeat(40)}`), 'x');
  expect((await lstat(folder)).size).toBeGreaterThan(32 * 1024);
  expect(await walkSize(folder, bounds, slices(), signal)).toEqual({ bytes: 1_500 * 4096, complete: true });
});
