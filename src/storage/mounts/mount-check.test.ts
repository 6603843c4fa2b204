import { expect, it } from 'vitest';
import { silentLogger } from '../../lib/log.ts';
import { parseMountTable } from '../../lib/mount-table.ts';
import { SetIdWarning } from './mount-check.ts';

const table = parseMountTable(`22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /safe rw,nosuid,nodev - nfs4 nas:/safe rw
31 22 0:41 / /open rw - nfs4 nas:/open rw
`);
const mount = (source: string, readOnly = false) => ({ source, target: '/home/work/x', readOnly });

it('warns once of each mount on which kernels can leave set-id programs', async () => {
  const warned: unknown[] = [];
  const log = { ...silentLogger, warn: (_: string, fields?: object) => warned.push(fields) };
  const warning = new SetIdWarning(log, async () => table);
  await warning.check([mount('/safe/a'), mount('/open/a', true)]);
  expect(warned).toEqual([]);
  await warning.check([mount('/open/a'), mount('/open/b'), mount('/srv/c')]);
  await warning.check([mount('/open/d')]);
  expect(warned).toEqual([
    { mountPoint: '/open', folder: '/open/a' },
    { mountPoint: '/', folder: '/srv/c' },
  ]);
});

it('does not warn of set-id programs when the mount table cannot be read', async () => {
  const warning = new SetIdWarning(silentLogger, async () => {
    throw new Error('no /proc');
  });
  await warning.check([mount('/open/a')]);
});
