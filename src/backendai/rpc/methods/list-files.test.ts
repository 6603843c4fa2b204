import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';

it('lists a folder as JSON text, and says why another cannot be listed', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  expect(await node.call('list_files', id, 'nowhere')).toEqual({
    files: '',
    errors: 'there is no such folder',
    abspath: 'nowhere',
  });
  node.runner.files.set('a.txt', Buffer.from('abc'));
  expect(await node.call('list_files', id, '.')).toEqual({
    files: '[{"mode":"-rw-r--r--","size":3,"ctime":1.5,"mtime":2.5,"atime":3.5,"filename":"a.txt"}]\n',
    errors: '',
    abspath: '.',
  });
  await expect(node.call('list_files', id, '/etc')).rejects.toThrow('PermissionError');
});
