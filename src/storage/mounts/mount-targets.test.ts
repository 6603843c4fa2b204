import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkTargetLinks, checkVolumes } from './mount-targets.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'kernelet-ways-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const mount = (target: string) => ({ source: '/a', target, readOnly: false });
const forbidden = { code: 'FORBIDDEN_MOUNT' };
const forbiddenVolume = { code: 'FORBIDDEN_VOLUME' };

describe('the volumes that an image declares', () => {
  it.each([
    '/opt/backend.ai/bin',
    '/x/../opt/backend.ai//bin/',
    'opt/kernel/run/x',
    '/opt/kernel',
    '/home/config/x',
    '/data/in',
  ])('are refused at %s', (path) => {
    expect(() => checkVolumes(['/fine', path], [mount('/data')])).toThrow(expect.objectContaining(forbiddenVolume));
  });

  it('are taken elsewhere, and where a mount takes their place', () => {
    expect(() =>
      checkVolumes(
        ['/', '/opt', '/opt/app', '/home/work', '/home/work/x', '/opt/backend.ai', '/data'],
        [mount('/data')],
      ),
    ).not.toThrow();
  });
});

describe('the way to a target', () => {
  const nowhere = async (): Promise<boolean> => false;

  // @promise mounts
  it('must not lead over a link that the tenant has left in its home', async () => {
    const wish = { volumes: ['/home/work/v/w'], mounts: [mount('/home/work/a/data'), mount('/b')] };
    await checkTargetLinks(wish, home, nowhere);
    await mkdir(join(home, 'a', 'data'), { recursive: true });
    await checkTargetLinks(wish, home, nowhere);
    await rm(join(home, 'a', 'data'), { recursive: true });
    await symlink('/opt/kernel/run', join(home, 'a', 'data'));
    await expect(checkTargetLinks(wish, home, nowhere)).rejects.toMatchObject(forbidden);
    await rm(join(home, 'a'), { recursive: true });
    await mkdir(join(home, 'z'));
    await symlink('z', join(home, 'a'));
    await expect(checkTargetLinks(wish, home, nowhere)).rejects.toMatchObject(forbidden);
    await rm(join(home, 'a'));
    await checkTargetLinks(wish, home, nowhere);
    await symlink('z', join(home, 'v'));
    await expect(checkTargetLinks(wish, home, nowhere)).rejects.toMatchObject(forbiddenVolume);
  });

  it.each([
    ['/door/backend.ai', '/door'],
    ['/door', '/door'],
    ['/a/b/c', '/a/b'],
    ['/home/work/x', '/home/work'],
    ['/home/work/x', '/home'],
  ])('to %s must not lead over the link %s of the image, for a mount and for a volume', async (target, link) => {
    const isLink = async (path: string): Promise<boolean> => path === link;
    for (const wish of [
      { volumes: [], mounts: [mount(target)] },
      { volumes: [target], mounts: [] },
    ]) {
      await expect(checkTargetLinks(wish, home, isLink)).rejects.toMatchObject({
        ...(wish.mounts.length > 0 ? forbidden : forbiddenVolume),
        message: expect.stringContaining(`${link} is a link`),
      });
    }
  });

  it('asks once for each folder, and for nothing when there is nothing to mount', async () => {
    const asked: string[] = [];
    const isLink = async (path: string): Promise<boolean> => asked.push(path) === 0;
    await checkTargetLinks({ volumes: [], mounts: [] }, home, isLink);
    expect(asked).toEqual([]);
    await checkTargetLinks({ volumes: ['/a/b', '/a/c'], mounts: [mount('/home/work/x')] }, home, isLink);
    expect(asked).toEqual(['/a', '/a/b', '/a/c', '/home', '/home/work']);
  });
});
