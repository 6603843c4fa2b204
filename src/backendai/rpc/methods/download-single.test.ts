import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';

it('gives the bytes of one file, and refuses folders', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  node.runner.files.set('a.bin', Buffer.from([0, 255]));
  node.runner.files.set('folder/', Buffer.from('an archive'));
  expect(Buffer.from((await node.call('download_single', id, 'a.bin')) as Uint8Array).toString('hex')).toBe('00ff');
  await expect(node.call('download_single', id, 'folder/')).rejects.toThrow('ValueError');
});
