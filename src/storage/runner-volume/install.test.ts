import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installRunnerVolume, runnerVolumeOnDemand } from './install.ts';
import { comparedBytes, describeFolder, manifestName } from './manifest.ts';

const asRoot = process.geteuid?.() === 0;
let root: string;
let source: string;
let volumesFolder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-volume-'));
  source = join(root, 'runner-volume');
  volumesFolder = join(root, 'volumes');
  await mkdir(join(source, 'bin'), { recursive: true });
  await mkdir(join(source, 'python'));
  await writeFile(join(source, 'bin/entry'), '#!/bin/sh\n', { mode: 0o555 });
  await writeFile(join(source, 'bin/node'), Buffer.alloc(comparedBytes + 1, 'node'), { mode: 0o555 });
  await symlink('entry', join(source, 'bin/sh'));
  await writeList();
});
afterEach(async () => {
  // Its folders are read-only to all but root.
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true }))
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o700);
  await rm(root, { recursive: true, force: true });
});

const writeList = async (): Promise<void> =>
  await writeFile(join(source, manifestName), JSON.stringify(await describeFolder(source)));
const install = (): Promise<string> => installRunnerVolume({ source, volumesFolder });

describe('the installed runner volume', () => {
  it('holds what the build made, with its links and empty folders, and is writable for nobody', async () => {
    const path = await install();
    expect(await describeFolder(path)).toEqual(await describeFolder(source));
    expect(await readlink(join(path, 'bin/sh'))).toBe('entry');
    expect((await readdir(path)).sort()).toEqual(['bin', manifestName, 'python']);
    for (const folder of ['.', 'bin', 'python']) expect((await stat(join(path, folder))).mode & 0o777).toBe(0o555);
    expect(await readdir(volumesFolder)).toEqual([path.slice(volumesFolder.length + 1)]);
  });

  it('is used again as long as the build is the same, and stays beside that of another build', async () => {
    const first = await install();
    const { ino } = await stat(join(first, 'bin/entry'));
    expect(await install()).toBe(first);
    expect((await stat(join(first, 'bin/entry'))).ino).toBe(ino);
    await writeFile(join(source, 'runner.js'), 'new');
    await writeList();
    const second = await install();
    expect((await readdir(volumesFolder)).length).toBe(2);
    expect(second).not.toBe(first);
  });

  it('shares large files with the build and copies small ones', async () => {
    const path = await install();
    const sameFile = async (name: string): Promise<boolean> =>
      (await stat(join(path, name))).ino === (await stat(join(source, name))).ino;
    expect(await sameFile('bin/node')).toBe(true);
    expect(await sameFile('bin/entry')).toBe(false);
  });

  it.runIf(asRoot)('shares no file that another user could write in', async () => {
    await chown(join(source, 'bin/node'), 1000, 1000);
    const { ino } = await stat(join(source, 'bin/node'));
    const copy = await stat(join(await install(), 'bin/node'));
    expect([copy.ino === ino, copy.uid]).toEqual([false, process.geteuid?.()]);
  });

  it('has the modes and links of the build, also when packing has changed them', async () => {
    const before = await describeFolder(source);
    await chmod(join(source, 'bin/entry'), 0o755);
    await chmod(join(source, 'bin/node'), 0o755);
    await rm(join(source, 'bin/sh'));
    expect(await describeFolder(await install())).toEqual(before);
  });

  it('is installed again when it is damaged, and the damaged one is set aside', async () => {
    const path = await install();
    await chmod(join(path, 'bin/entry'), 0o755);
    await writeFile(join(path, 'bin/entry'), '#!/bin/no\n');
    expect(await install()).toBe(path);
    expect(await readFile(join(path, 'bin/entry'), 'utf8')).toBe('#!/bin/sh\n');
    expect((await readdir(volumesFolder)).filter((name) => name.includes('.damaged-')).length).toBe(1);
  });

  it('is not taken from a folder in which everybody may write', async () => {
    await mkdir(volumesFolder);
    await chmod(volumesFolder, 0o777);
    await expect(install()).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('everybody may write'),
    });
  });

  it.runIf(asRoot)('is not one that another user has put there', async () => {
    const path = await install();
    await chown(path, 1000, 1000);
    await expect(install()).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('another user'),
    });
  });
});

describe('a build whose runner volume cannot be installed', () => {
  it('that made none is refused with what to do', async () => {
    await rm(join(source, manifestName));
    await expect(install()).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: `${source} holds no runner volume; run: npm run build`,
    });
  });

  it('that was edited afterwards is refused, and leaves nothing behind', async () => {
    await chmod(join(source, 'bin/entry'), 0o755);
    await writeFile(join(source, 'bin/entry'), '#!/bin/no\n');
    await expect(install()).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('bin/entry is changed'),
    });
    expect(await readdir(volumesFolder)).toEqual([]);
  });
});

it('the runner volume is installed by the first who asks, once for all who ask, and again when it was removed', async () => {
  let installed = 0;
  const volume = runnerVolumeOnDemand(async () => {
    installed += 1;
    return await install();
  });
  expect(installed).toBe(0);
  const [path, same] = await Promise.all([volume(), volume()]);
  expect([same, await volume(), installed]).toEqual([path, path, 1]);
  await rename(path, `${path}.away`);
  expect(await Promise.all([volume(), volume()])).toEqual([path, path]);
  expect([await volume(), installed, (await readdir(path)).length]).toEqual([path, 2, 3]);
});

it('a runner volume that could not be installed is tried again at the next request', async () => {
  let tries = 0;
  const volume = runnerVolumeOnDemand(async () => {
    tries += 1;
    if (tries === 1) throw new Error('no space');
    return await install();
  });
  await expect(Promise.all([volume(), volume()])).rejects.toThrow('no space');
  expect(await readdir(await volume())).toContain(manifestName);
  expect(tries).toBe(2);
});
