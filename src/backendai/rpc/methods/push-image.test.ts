import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';

const image = { registry: 'kernelet', project: null, name: 'base', tag: 'latest', architecture: 'x86_64' };
const registry = { name: 'kernelet', url: 'http://kernelet', username: 'somebody', password: 'secret' };

it.each([
  [true, /^bgtask_done .*"message":""/],
  [false, /^bgtask_failed .*"message":"image kernelet\/base:latest could not be pushed: no registry"/],
])('publishes how a push of an image ended; stays here: %s', async (local, end) => {
  await using node = await RpcNode.start();
  const reply = await node.call('push_image', { ...image, is_local: local }, registry);
  expect(reply).toEqual({ bgtask_id: expect.any(String), canonical: 'kernelet/base:latest' });
  await expect.poll(async () => (await node.publishedByTasks()).at(-1), { timeout: 5000 }).toMatch(end);
  expect(node.services.published.join()).not.toContain('secret');
});
