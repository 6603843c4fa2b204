import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';
import { unpackInto } from '../../../lib/tar.ts';

it('gives a file as an archive with its mode, a folder as it comes, and no more than a mebibyte', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  node.runner.files.set('dl/a.txt', Buffer.from('hello'));
  node.runner.files.set('folder/', Buffer.from('an archive'));
  node.runner.files.set('big', Buffer.alloc(2 ** 20 + 1));
  const archive = await node.call('download_file', id, 'dl/a.txt');
  const folder = await mkdtemp(join(tmpdir(), 'download-'));
  await unpackInto(new Blob([new Uint8Array(archive as Uint8Array)]).stream(), folder);
  expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('hello');
  expect((await stat(join(folder, 'a.txt'))).mode & 0o777).toBe(0o640);
  await rm(folder, { recursive: true });
  expect(Buffer.from((await node.call('download_file', id, 'folder/')) as Uint8Array).toString()).toBe('an archive');
  await expect(node.call('download_file', id, 'big')).rejects.toThrow('ValueError');
  await expect(node.call('download_file', id, 'absent')).rejects.toThrow('RuntimeError');
});
