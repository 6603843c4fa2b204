import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { warnOfForeignFolder } from './join.ts';

let above: string;
let folder: string;
let warnings: string[];
const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
beforeEach(async () => {
  above = await mkdtemp(path.join(tmpdir(), 'foreign-folder-'));
  folder = path.join(above, 'ipc');
  await mkdir(folder, { mode: 0o755 });
  warnings = [];
});
afterEach(() => rm(above, { recursive: true }));

it.each([
  ['is our own', async () => {}],
  ['lies where everybody may make what is theirs alone', () => chmod(above, 0o1777)],
])('says nothing of a folder that %s', async (_, arrange) => {
  await arrange();
  await warnOfForeignFolder(folder, log);
  expect(warnings).toEqual([]);
});

it.each([
  ['that another user has made', () => chown(folder, 1000, 1000), /ipc belongs to user 1000;/],
  ['below one that another user has made', () => chown(above, 1000, 1000), /foreign-folder-\w+ belongs to user 1000;/],
  ['in which everybody may write', () => chmod(folder, 0o777), /everybody may write in .*ipc;/],
  [
    'in which a group may write',
    async () => {
      await chown(folder, 0, 1000);
      await chmod(folder, 0o775);
    },
    /the group 1000 may write in .*ipc;/,
  ],
])('warns of a folder %s', async (_, arrange, text) => {
  await arrange();
  await warnOfForeignFolder(folder, log);
  expect(warnings).toEqual([expect.stringMatching(text)]);
});
