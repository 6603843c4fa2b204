import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linkSockets } from './socket-links.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-links-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('links to sockets of the host', () => {
  it('are where they are looked for, in folders that are made, also when they are there from before', async () => {
    const path = join(folder, 'a', 'b', 'docker.sock');
    for (const target of ['/opt/kernel/proxy-0.sock', '/opt/kernel/proxy-1.sock']) {
      linkSockets([[path, target]]);
      expect(await readlink(path)).toBe(target);
    }
  });

  it('take the place of a link, and of no file or folder', async () => {
    const [path, file] = [join(folder, 'link'), join(folder, 'file')];
    await writeFile(file, 'precious');
    await symlink(file, path);
    linkSockets([[path, '/target']]);
    expect(await readlink(path)).toBe('/target');
    expect(() => linkSockets([[file, '/target']])).toThrow(`${file} is in the way`);
    await mkdir(join(folder, 'c'));
    expect(() => linkSockets([[join(folder, 'c'), '/target']])).toThrow('is in the way');
  });
});
