import { expect, it } from 'vitest';
import { emptyOverlay } from './etcd/configuration-overlay.ts';
import { noRegistry } from './etcd/node-registry.ts';

const never = new AbortController().signal;

it('has an overlay that says nothing and waits until it is left', async () => {
  expect(await emptyOverlay.read(['a', 'b'], never)).toEqual([{}, {}]);
  expect(await emptyOverlay.get('a', never)).toBeUndefined();
  const stop = new AbortController();
  const following = emptyOverlay.follow(['a'], stop.signal)[Symbol.asyncIterator]();
  expect((await following.next()).value).toEqual([{}]);
  const next = following.next();
  stop.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
});

it('has a registry that waits for nobody', async () => {
  await noRegistry.waitForManager(never);
  await noRegistry.announce('running', { ip: '127.0.0.1', watcherPort: null }, never);
  await noRegistry.keepRegistered(never);
});
