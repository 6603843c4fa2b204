import fc from 'fast-check';
import { expect, it } from 'vitest';
import { withEntry, withoutEntries, withoutSecrets } from './fstab.ts';

const disks = '# disks\nUUID=1 / ext4\terrors=remount-ro 0 1\nnas:/a\t/mnt/a\\040b nfs defaults 0 0';
const mounted = { location: 'nas:/b', mountPoint: '/mnt/b c', fileSystem: 'nfs', options: 'nosuid,nodev' };

it('adds an entry once, on a line of its own', () => {
  const more = withEntry(disks, mounted);
  expect(more).toBe(`${disks}\nnas:/b /mnt/b\\040c nfs nosuid,nodev 0 0\n`);
  expect(withEntry(more, mounted)).toBe(more);
  expect(withEntry('', { ...mounted, options: 'ro' })).toBe('nas:/b /mnt/b\\040c nfs ro 0 0\n');
});

it('takes the entries of a mount point out, and leaves the rest as it is', () => {
  expect(withoutEntries(disks, '/mnt/a b')).toBe('# disks\nUUID=1 / ext4\terrors=remount-ro 0 1');
  expect(withoutEntries(disks, '/mnt')).toBe(disks);
  expect(withoutEntries('nas:/c /mnt/\\303\\244 nfs ro 0 0\n', '/mnt/ä')).toBe('');
});

it('adds one line of six fields that can be taken out again, whatever is in it', () => {
  const anything = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(anything, anything, anything, (location, name, options) => {
      const before = `${disks}\n`;
      const mountPoint = `/mnt/${name}`.toWellFormed();
      const after = withEntry(before, { location, mountPoint, fileSystem: 'nfs', options });
      expect(after.startsWith(before)).toBe(true);
      const [line = '', ...more] = after.slice(before.length).split('\n');
      expect(more).toEqual(['']);
      expect(line.startsWith('#')).toBe(false);
      expect(line.split(/[ \t\r\v\f]/)).toHaveLength(6);
      expect(withoutEntries(after, mountPoint)).toBe(before);
    }),
  );
});

it('shows the table without passwords', () => {
  const table = '//nas/a /mnt/a cifs username=u,password=hunter22,ro 0 0\n#//nas/b /b cifs password=x 0 0\n';
  expect(withoutSecrets(table)).toBe(
    '//nas/a /mnt/a cifs username=u,password=[redacted],ro 0 0\n#//nas/b /b cifs password=[redacted] 0 0\n',
  );
  expect(withoutSecrets(disks)).toBe(disks);
});
