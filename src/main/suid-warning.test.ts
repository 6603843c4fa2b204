import { expect, it } from 'vitest';
import { silentLogger } from '../lib/log.ts';
import { parseMountTable } from '../lib/mount-table.ts';
import { SuidWarning } from './suid-warning.ts';

const table = parseMountTable(`22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /safe rw,nosuid,nodev - nfs4 nas:/safe rw
31 22 0:41 / /open rw - nfs4 nas:/open rw
`);
const mount = (source: string, readOnly = false) => ({ source, target: '/home/work/x', readOnly });

it('tells of each mount on which kernels can leave set-id programs, once', async () => {
  const told: unknown[] = [];
  const log = { ...silentLogger, warn: (_: string, fields?: object) => told.push(fields) };
  const warning = new SuidWarning(log, async () => table);
  await warning.look([mount('/safe/a'), mount('/open/a', true)]);
  expect(told).toEqual([]);
  await warning.look([mount('/open/a'), mount('/open/b'), mount('/srv/c')]);
  await warning.look([mount('/open/d')]);
  expect(told).toEqual([
    { mountPoint: '/open', folder: '/open/a' },
    { mountPoint: '/', folder: '/srv/c' },
  ]);
});

it('says nothing where the table cannot be read', async () => {
  const warning = new SuidWarning(silentLogger, async () => {
    throw new Error('no /proc');
  });
  await warning.look([mount('/open/a')]);
});
