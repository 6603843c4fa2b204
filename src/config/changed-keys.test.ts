import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { changedKeys, loadSettings } from './load.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'changed-keys-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function changed(before: string, after: string): Promise<readonly string[]> {
  const configFile = path.join(folder, 'agent.toml');
  const load = async (text: string) => {
    await writeFile(configFile, text);
    return await loadSettings({ flags: { configFile }, environ: {} });
  };
  return changedKeys(await load(before), await load(after));
}

it.each([
  ['nothing', '[kernelet]\ndefault-cpus = 2', '[kernelet]\ndefault-cpus = 2', []],
  ['another form of the same', '[kernelet]\ndefault-memory = "1g"', '[kernelet]\ndefault-memory = "1024m"', []],
  ['a default that is spelt out', '', '[logging]\nlevel = "info"', []],
  ['what has no effect', '', '[agent]\nevent-loop = "uvloop"', []],
  [
    'several',
    '[kernelet]\ndefault-cpus = 2',
    '[logging]\nlevel = "debug"\n[agent]\npid-file = "p"',
    ['kernelet.default-cpus', 'agent.pid-file', 'logging.level'],
  ],
])('names as changed between two configurations: %s', async (_, before, after, keys) => {
  expect(await changed(before, after)).toEqual(keys);
});

it('names a secret that has changed', async () => {
  const text = (password: string): string =>
    `[etcd]\nnamespace = "n"\naddr = "127.0.0.1:2379"\nuser = "u"\npassword = "${password}"\n[agent]\nbackend = "docker"\n[container]\nscratch-type = "hostdir"\n`;
  expect(await changed(text('one'), text('two'))).toEqual(['etcd.password']);
});
