import { expect, it } from 'vitest';
import { localFiles } from '../../../test/support/foreign-files.ts';
import { silentLogger } from '../../lib/log.ts';
import { parseMountTable } from '../../lib/mount-table.ts';
import { SetIdCheck } from './mount-policy.ts';

const table = parseMountTable(`22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /safe rw,nosuid,nodev - nfs4 nas:/safe rw
31 22 0:41 / /open rw - nfs4 nas:/open rw
32 30 0:42 / /safe/but/here rw - tmpfs none rw
`);
const mount = (source: string, readOnly = false) => ({ source, target: '/home/work/x', readOnly });

it('warns once of each mount on which the operator lets kernels leave set-id programs', async () => {
  const warned: unknown[] = [];
  const log = { ...silentLogger, warn: (_: string, fields?: object) => warned.push(fields) };
  const warning = new SetIdCheck(['/'], localFiles, log, async () => table);
  await warning.check([mount('/safe/a'), mount('/open/a', true)]);
  expect(warned).toEqual([]);
  await warning.check([mount('/open/a'), mount('/open/b'), mount('/srv/c')]);
  await warning.check([mount('/open/d')]);
  expect(warned).toEqual([
    { mountPoint: '/open', folder: '/open/a' },
    { mountPoint: '/', folder: '/srv/c' },
  ]);
});

it.each([
  ['/open/a', false, [], 'forbidden'],
  ['/open/a', false, ['/open/a'], 'allowed'],
  ['/open/a/b', false, ['/open/a'], 'allowed'],
  ['/open/ab', false, ['/open/a'], 'forbidden'],
  ['/srv/c', false, ['/open'], 'forbidden'],
  ['/open/a', true, [], 'allowed'],
  ['/safe/a', false, [], 'allowed'],
  ['/safe/but', false, [], 'forbidden'],
  ['/safe/but', false, ['/safe/but'], 'allowed'],
])(
  'lets kernels with root mount %s, read-only %s, where %j may have set-id programs: %s',
  async (source, readOnly, allow, verdict) => {
    const check = new SetIdCheck(allow, localFiles, silentLogger, async () => table).check([mount(source, readOnly)]);
    if (verdict === 'allowed') await check;
    else
      await expect(check).rejects.toMatchObject({
        code: 'FORBIDDEN_MOUNT',
        message: expect.stringContaining('nosuid'),
      });
  },
);

it('forbids what it cannot judge since the mount table cannot be read', async () => {
  const check = new SetIdCheck([], localFiles, silentLogger, async () => {
    throw new Error('no /proc');
  });
  await expect(check.check([mount('/open/a')])).rejects.toMatchObject({ code: 'FORBIDDEN_MOUNT' });
});
