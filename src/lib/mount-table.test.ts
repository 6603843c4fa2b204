import { expect, it } from 'vitest';
import { isNoexec, isReadOnly, mountOf, mountsBelow, parseMountTable, readMountTable } from './mount-table.ts';

const text = `21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
22 21 0:20 / /tmp rw,nosuid,nodev,noexec shared:2 master:1 - tmpfs tmpfs rw,size=1024k
23 21 0:21 / /mnt/my\\040disk ro,relatime - nfs4 host:/export ro
24 22 0:22 / /tmp/a rw - tmpfs first rw
25 24 0:23 / /tmp/a rw - tmpfs second rw
26 25 0:24 / /tmp/a/b/c rw - tmpfs tmpfs rw
27 21 0:25 / /tmpfoo rw - tmpfs tmpfs rw
broken line
`;
const mounts = parseMountTable(text);

it('reads every well-formed line and its escapes', () => {
  expect(mounts.map((mount) => mount.mountPoint)).toEqual([
    '/',
    '/tmp',
    '/mnt/my disk',
    '/tmp/a',
    '/tmp/a',
    '/tmp/a/b/c',
    '/tmpfoo',
  ]);
  expect(mounts[2]).toMatchObject({ fileSystem: 'nfs4', source: 'host:/export' });
});

it('finds the mount of a path', () => {
  const at = (path: string) => mountOf(path, mounts);
  expect(at('/tmp/x')?.mountPoint).toBe('/tmp');
  expect(at('/tmpfo')?.mountPoint).toBe('/');
  expect(at('/tmp/a/b')?.source).toBe('second');
  expect(at('/')?.mountPoint).toBe('/');
});

it('tells noexec and read-only mounts', () => {
  const [root, tmp, disk] = mounts;
  if (!root || !tmp || !disk) throw new Error('three mounts are expected');
  expect([isNoexec(root), isNoexec(tmp), isReadOnly(tmp), isReadOnly(disk)]).toEqual([false, true, false, true]);
});

it('lists what is mounted below a path in the order to unmount it', () => {
  expect(mountsBelow('/tmp', mounts).map((mount) => `${mount.mountPoint} ${mount.source}`)).toEqual([
    '/tmp/a/b/c tmpfs',
    '/tmp/a second',
    '/tmp/a first',
    '/tmp tmpfs',
  ]);
});

it("reads this machine's table", async () => {
  const real = await readMountTable();
  expect(mountOf('/', real)?.mountPoint).toBe('/');
  expect(mountOf('/proc/self', real)?.fileSystem).toBe('proc');
});
