import { expect, it } from 'vitest';
import { withEntry, withoutEntries } from './fstab.ts';

const table = '# disks\nUUID=1 / ext4\terrors=remount-ro 0 1\nnas:/a\t/mnt/a\\040b nfs defaults 0 0';
const entry = { location: 'nas:/b', mountPoint: '/mnt/b c', fileSystem: 'nfs', options: '' };

it('adds an entry once, on a line of its own', () => {
  const more = withEntry(table, entry);
  expect(more).toBe(`${table}\nnas:/b /mnt/b\\040c nfs defaults 0 0\n`);
  expect(withEntry(more, entry)).toBe(more);
  expect(withEntry('', { ...entry, options: 'ro' })).toBe('nas:/b /mnt/b\\040c nfs ro 0 0\n');
});

it('takes out the entries of a mount point, and leaves the rest as it is', () => {
  expect(withoutEntries(table, '/mnt/a b')).toBe('# disks\nUUID=1 / ext4\terrors=remount-ro 0 1');
  expect(withoutEntries(table, '/mnt')).toBe(table);
  expect(withoutEntries(withEntry(`${table}\n`, entry), '/mnt/b c')).toBe(`${table}\n`);
});
