import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../lib/log.ts';
import { ScalingGroupFile } from './scaling-group-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-group-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const source = '[agent]  # this node\nscaling-group = "default"\n';
const file = (): string => path.join(folder, 'agent.toml');
const override = (): string => path.join(folder, 'override.json');
const groups = (configFile: string | null = file()) => new ScalingGroupFile(configFile, override(), silentLogger);

it('changes the file, keeps the old one beside it, and its mode', async () => {
  await writeFile(file(), source, { mode: 0o640 });
  await symlink(file(), path.join(folder, 'link.toml'));
  const changed = groups(path.join(folder, 'link.toml'));
  expect(await changed.inForce('default')).toBe('default');
  await changed.set('gpu');
  expect(await readFile(file(), 'utf8')).toBe('[agent]  # this node\nscaling-group = "gpu"\n');
  expect(await readFile(`${file()}.bak`, 'utf8')).toBe(source);
  expect((await stat(file())).mode & 0o777).toBe(0o640);
  expect((await readdir(folder)).sort()).toEqual(['agent.toml', 'agent.toml.bak', 'link.toml']);
});

it.each([
  ['says it in a way that cannot be edited', async () => await writeFile(file(), 'agent.scaling-group = "default"\n')],
  ['is gone', async () => {}],
])('keeps the change beside the state where the file %s, until the file is edited', async (_, arrange) => {
  await arrange();
  const first = groups();
  await first.inForce('default');
  await first.set('gpu');
  await first.set('tpu');
  expect(await groups().inForce('default')).toBe('tpu');
  expect(await groups().inForce('cpu')).toBe('cpu');
  expect(await groups().inForce('default')).toBe('default');
});

it('does without an override that cannot be read', async () => {
  await writeFile(override(), '{');
  expect(await groups(null).inForce('default')).toBe('default');
});
