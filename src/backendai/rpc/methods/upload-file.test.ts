import { expect, it } from 'vitest';
import { RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';

it('writes files under the names that people mean', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  for (const name of ['a.txt', 'sub%2F%C3%A4%20b.bin', '100%', '%ff.bin']) {
    expect(await node.call('upload_file', id, name, Buffer.from(name))).toBeNull();
  }
  expect([...node.runner.files.keys()]).toEqual(['a.txt', 'sub/ä b.bin', '100%', '%ff.bin']);
  expect(node.runner.files.get('a.txt')?.toString()).toBe('a.txt');
  await expect(node.call('upload_file', unknownKernel, 'a', Buffer.alloc(0))).rejects.toThrow('KeyError');
});
