import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureRunnerVolume, volumeName } from './runner-volume.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-volume-'));
  await mkdir(join(root, 'bundle'));
  await writeFile(join(root, 'bundle', 'runner.js'), '');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const options = () => ({
  volumesFolder: join(root, 'volumes'),
  nodePath: process.execPath,
  nodeVersion: process.version,
  bundleFolder: join(root, 'bundle'),
  searchPath: '',
});

describe('the runner volume', () => {
  it('is not taken from a folder in which everybody may write', async () => {
    await mkdir(join(root, 'volumes'));
    await chmod(join(root, 'volumes'), 0o777);
    await expect(ensureRunnerVolume(options())).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('everybody may write'),
    });
  });

  it.runIf(process.geteuid?.() === 0)('is not one that another user has put there', async () => {
    const path = join(root, 'volumes', await volumeName(options()));
    await mkdir(path, { recursive: true });
    await chown(path, 1000, 1000);
    await expect(ensureRunnerVolume(options())).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('another user'),
    });
  });
});
