import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/log.ts';
import { type ImageRoot, ImageRoots } from './image-roots.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-roots-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const image = `sha256:${'ab'.repeat(32)}`;
const root: ImageRoot = {
  users: { passwd: 'root:x:0:0::/root:/bin/sh\n', group: 'caf\xe9:x:0:\n', shadow: '', shells: null },
  links: ['/run'],
};

describe('what is remembered of images', () => {
  it('is known to the next process', async () => {
    const path = join(folder, 'image-roots');
    expect(await new ImageRoots(path, silentLogger).find(image)).toBeNull();
    await new ImageRoots(path, silentLogger).keep(image, root);
    expect(await new ImageRoots(path, silentLogger).find(image)).toEqual(root);
    expect(await readdir(path)).toEqual([`${'ab'.repeat(32)}.json`]);
  });

  it('is forgotten when it cannot be read, and bounded by letting go of the oldest', async () => {
    const remembered = new ImageRoots(folder, silentLogger);
    await writeFile(join(folder, `${'ab'.repeat(32)}.json`), '{');
    expect(await remembered.find(image)).toBeNull();
    for (let n = 0; n < 300; n += 1) {
      const path = join(folder, `${n}.json`);
      await writeFile(path, '{}');
      await utimes(path, n, n);
    }
    await remembered.keep(image, root);
    const left = await readdir(folder);
    expect(left).toHaveLength(256);
    expect(left).toContain('45.json');
    expect(left).not.toContain('44.json');
    await remembered.keep(image, root);
    await remembered.keep('sha256:cd', root);
    expect(await readdir(folder)).toHaveLength(256);
    expect(await readdir(folder)).not.toContain('45.json');
  });

  it('is no reason to fail where it cannot be written, and the operator is told', async () => {
    const warned: unknown[] = [];
    const log = { ...silentLogger, warn: (...told: unknown[]) => void warned.push(told) };
    await writeFile(join(folder, 'file'), '');
    await new ImageRoots(join(folder, 'file', 'below'), log).keep(image, root);
    expect(warned).toEqual([
      [
        'what was read of an image cannot be remembered',
        { image, error: expect.objectContaining({ code: 'ENOTDIR' }) },
      ],
    ]);
  });

  it('is not what would fill the state folder', async () => {
    const remembered = new ImageRoots(folder, silentLogger);
    await remembered.keep(image, { ...root, users: { ...root.users, passwd: '\0'.repeat(100_000) } });
    expect(await readdir(folder)).toEqual([]);
  });
});
