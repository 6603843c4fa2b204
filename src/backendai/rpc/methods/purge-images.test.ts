import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';
import { dummyImage } from '../../../engine/dummy/dummy-images.ts';

it('removes images one by one, and says what could not be removed', async () => {
  await using node = await RpcNode.start();
  const { dummy, engine } = node.fixture.kernels;
  for (const name of ['cr.local/a:1', 'cr.local/b:1']) dummy.addImage(dummyImage(name));
  using _inUse = dummy.fail('removeImage', { kind: 'error' }, { matches: ({ subject }) => subject === 'cr.local/b:1' });
  const names = ['cr.local/a:1', 'cr.local/b:1', 'cr.local/c:1'];
  expect(await node.call('purge_images', names, false, true)).toEqual({
    responses: [
      { image: 'cr.local/a:1', error: null },
      { image: 'cr.local/b:1', error: expect.stringContaining('planted failure') },
      { image: 'cr.local/c:1', error: 'image cr.local/c:1 is not on this machine' },
    ],
  });
  const left = (await engine.listImages(AbortSignal.timeout(1000))).flatMap(({ references }) => references);
  expect(left).toContain('cr.local/b:1');
  expect(left).not.toContain('cr.local/a:1');
});
