import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { object, text, whole } from '../lib/json-reader.ts';
import { silentLogger } from '../lib/log.ts';
import { StateWrites } from '../lib/state-writes.ts';
import { JsonStore } from './json-store.ts';

const read = object((of) => ({ word: of('word', text), count: of('count', whole) }));
const writes = new StateWrites();
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-notes-'));
});
afterEach(async () => await rm(folder, { recursive: true }));

it('has after a restart what was written and not removed', async () => {
  const place = join(folder, 'below', 'it');
  const first = await JsonStore.open(place, read, { writes, log: silentLogger });
  await Promise.all([first.put('a', { word: 'ä', count: 1 }), first.put('b', { word: 'b', count: 2 })]);
  await first.put('a', { word: 'ä', count: 3 });
  await first.remove('b');
  await first.remove('never-there');
  const second = await JsonStore.open(place, read, { writes, log: silentLogger });
  expect([...second.all]).toEqual([['a', { word: 'ä', count: 3 }]]);
  await expect(second.put('../a', { word: '', count: 0 })).rejects.toThrow('cannot be the name');
});

it('drops what it cannot read, with a word, and nothing else', async () => {
  const good = await JsonStore.open(folder, read, { writes, log: silentLogger });
  await good.put('good', { word: 'w', count: 1 });
  await writeFile(join(folder, 'torn.json'), '{"word": "x"');
  await writeFile(join(folder, 'strange.json'), '{"word": 1}');
  await writeFile(join(folder, '.good.json.0123456789ab.tmp'), '{}');
  await writeFile(join(folder, 'README'), 'not ours');
  const errors: string[] = [];
  const again = await JsonStore.open(folder, read, {
    writes,
    log: { ...silentLogger, error: (message) => void errors.push(message) },
  });
  expect([...again.all.keys()]).toEqual(['good']);
  expect(errors).toHaveLength(2);
  expect((await readdir(folder)).sort()).toEqual(['README', 'good.json']);
});
