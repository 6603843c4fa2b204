import { chmod, chown, mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { clusterPaths, discoverConfigFile, standalonePaths } from './paths.ts';

const context = { uid: 1000, homeDir: '/home/u', workingDir: '/w', environ: {} };

it("gives root the system's folders for state and socket", () => {
  expect(standalonePaths({ ...context, uid: 0 })).toEqual({
    stateDir: '/var/lib/kernelet',
    socketPath: '/run/kernelet/kernelet.sock',
  });
});

it('gives other users the folders of XDG for state and socket, with their defaults', () => {
  const environ = { XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/run/user/1000' };
  expect(standalonePaths({ ...context, environ })).toEqual({
    stateDir: '/s/kernelet',
    socketPath: '/run/user/1000/kernelet/kernelet.sock',
  });
  expect(standalonePaths({ ...context, environ: { XDG_STATE_HOME: 'relative' } })).toEqual({
    stateDir: '/home/u/.local/state/kernelet',
    socketPath: '/home/u/.local/state/kernelet/kernelet.sock',
  });
});

it('puts state and socket of a member of a cluster below the folders of [agent]', () => {
  expect(clusterPaths({ varBasePath: './var/lib/backend.ai', ipcBasePath: '/tmp/ipc' }, context)).toEqual({
    stateDir: '/w/var/lib/backend.ai/kernelet',
    socketPath: '/tmp/ipc/kernelet.sock',
  });
});

it('finds kernelet.toml beside agent.toml, which comes first, and the near one only for the daemon', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'kernelet-paths-'));
  const [workingDir, homeDir] = [join(folder.path, 'here'), join(folder.path, 'home')];
  const found = (includeWorkingDir: boolean) =>
    discoverConfigFile({ environ: {}, uid: process.getuid?.() ?? 0, workingDir, homeDir, includeWorkingDir });
  const put = async (path: string): Promise<string> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '');
    return path;
  };
  const ofUser = await put(join(homeDir, '.config/kernelet/kernelet.toml'));
  expect([await found(true), await found(false)]).toEqual([ofUser, ofUser]);
  const near = await put(join(workingDir, 'kernelet.toml'));
  expect([await found(true), await found(false)]).toEqual([near, ofUser]);
  const agent = await put(join(workingDir, 'agent.toml'));
  expect(await found(true)).toBe(agent);
});

it('takes no file from the working folder that somebody else may have put there', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'kernelet-paths-'));
  const [uid, other, owner] = [0, 4711, 4712];
  const found = (environ = {}, more = {}) =>
    discoverConfigFile({
      environ,
      uid,
      workingDir: folder.path,
      homeDir: '/nowhere',
      includeWorkingDir: true,
      ...more,
    });
  const file = join(folder.path, 'kernelet.toml');
  await writeFile(file, '');
  expect(await found()).toBe(file);
  await chown(file, other, other);
  await expect(found()).rejects.toThrow(/kernelet\.toml is that of the user 4711, whose the folder is not; name it/);
  expect(await found({}, { flag: file })).toBe(file);
  expect(await found({ SUDO_UID: String(other) })).toBe(file);
  await expect(found({ SUDO_UID: String(other) }, { uid: owner })).rejects.toThrow('4711');
  await chown(folder.path, other, other);
  expect(await found()).toBe(file);
  await chmod(file, 0o666);
  await expect(found()).rejects.toThrow('can be written by everybody');
});
