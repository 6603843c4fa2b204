import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recordFixture } from '../../../test/support/kernel-record.ts';
import { namesFixture } from '../../../test/support/kernels-fixture.ts';
import { asContainerId } from '../../lib/ids.ts';
import { noPlacement } from '../record.ts';
import { networkFileMounts, writeNetworkFiles } from './network-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-names-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const container = asContainerId('a'.repeat(64));
const joined = recordFixture({
  placement: { ...noPlacement, prewarmedNetwork: { container, receivedBytes: 0, sentBytes: 0 } },
});

it('a kernel that joins a network has its own copies of the files of that, which all may read, in place of earlier ones', async () => {
  const networkFiles = join(folder, 'names');
  await mkdir(networkFiles);
  await writeFile(join(networkFiles, 'left'), '');
  await writeNetworkFiles(joined, { networkFiles }, { networkFilesOf: () => namesFixture('10.0.0.2 main1\n') });
  expect((await readdir(networkFiles)).sort()).toEqual(['hostname', 'hosts', 'resolv.conf']);
  expect(await readFile(join(networkFiles, 'hosts'), 'utf8')).toBe('10.0.0.2 main1\n');
  expect(await readFile(join(networkFiles, 'hostname'), 'utf8')).toBe('one\n');
  expect((await stat(networkFiles)).mode & 0o777).toBe(0o755);
  for (const { source, target, readOnly } of networkFileMounts({ networkFiles })) {
    expect([(await stat(source)).mode & 0o777, readOnly]).toEqual([0o644, true]);
    expect(target).toBe(source.replace(networkFiles, '/etc'));
  }
});

it('a kernel that joins none keeps none', async () => {
  const networkFiles = join(folder, 'names');
  await mkdir(networkFiles);
  await writeNetworkFiles(recordFixture(), { networkFiles }, { networkFilesOf: () => namesFixture() });
  expect(await readdir(folder)).toEqual([]);
});

it('a network that is not held for the kernel gives no files', async () => {
  const written = writeNetworkFiles(joined, { networkFiles: join(folder, 'names') }, { networkFilesOf: () => null });
  await expect(written).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'the network that the kernel is to join is not held for it',
  });
  expect(await readdir(folder)).toEqual([]);
});
