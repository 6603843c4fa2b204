import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogger } from './log.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'log-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('logs more or less when it is told to, its children too', async () => {
  const place = path.join(folder, 'log');
  await using file = await open(place, 'w');
  const log = createLogger('info', file.fd);
  const child = log.child({ kernel: 'k' });
  child.debug('too little');
  log.setLevel('debug');
  child.debug('enough');
  log.setLevel('warn');
  log.info('too little now');
  child.warn('enough now');
  log.setLevel('silent');
  log.error('nothing at all');
  const lines = (await readFile(place, 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 20, kernel: 'k', msg: 'enough' },
    { level: 40, kernel: 'k', msg: 'enough now' },
  ]);
});

it('costs lines, and no more, when it cannot be written', async () => {
  const place = path.join(folder, 'log');
  await writeFile(place, '');
  await using file = await open(place, 'r');
  const log = createLogger('info', file.fd);
  const before = process.memoryUsage().heapUsed;
  for (let times = 0; times < 5_000; times += 1) log.info('x'.repeat(10_000));
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 1024 * 1024);
  expect(await readFile(place, 'utf8')).toBe('');
});
