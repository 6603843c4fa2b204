import { chmod, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkFilesEqual, readNetworkFiles } from './prewarmed-network.ts';

let folder: string;
const paths = () => ({
  hosts: join(folder, 'hosts'),
  'resolv.conf': join(folder, 'resolv.conf'),
  hostname: join(folder, 'hostname'),
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-names-'));
  for (const path of Object.values(paths())) await writeFile(path, `of ${path}\n`, { mode: 0o644 });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the network files of a network', () => {
  it('are the same until a byte or a bit of their modes is another', async () => {
    const made = await readNetworkFiles(paths());
    expect(Buffer.from(made.hosts.content).toString()).toBe(`of ${paths().hosts}\n`);
    expect(networkFilesEqual(made, await readNetworkFiles(paths()))).toBe(true);
    await chmod(paths().hostname, 0o666);
    expect(networkFilesEqual(made, await readNetworkFiles(paths()))).toBe(false);
    await chmod(paths().hostname, 0o644);
    await writeFile(paths()['resolv.conf'], 'nameserver 192.0.2.66\n');
    expect(networkFilesEqual(made, await readNetworkFiles(paths()))).toBe(false);
  });

  it.each([
    ['a link', async (path: string) => await symlink('/etc/hosts', path)],
    ['a file without end', async (path: string) => await writeFile(path, '').then(() => truncate(path, 2 ** 40))],
    ['nothing', async () => {}],
  ])('are not read where there is %s in the place of one', async (_, put) => {
    await rm(paths().hosts);
    await put(paths().hosts);
    await expect(readNetworkFiles(paths())).rejects.toThrow();
  });

  it('are not read where the engine does not say where they lie', async () => {
    await expect(readNetworkFiles({ ...paths(), hosts: '' })).rejects.toThrow('ENOENT');
  });
});
