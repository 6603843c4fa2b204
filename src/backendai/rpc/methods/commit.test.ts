import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';
import type { MsgpackValue } from '../../wire/msgpack/value.ts';

const signal = AbortSignal.timeout(10_000);
const commit = async (node: RpcNode, args: MsgpackValue[], kwargs: Record<string, MsgpackValue> = {}) => {
  const { value, failure } = await node.client.call('commit', args, kwargs);
  if (failure) throw new Error(failure.slice(0, 2).join(' '));
  return value as { bgtask_id: string; kernel: string; path: string | null };
};
const record = (node: RpcNode, task: string) =>
  Object.fromEntries(node.services.redis.keys.get(`bgtask.${task}`)?.value as Map<string, string>);

it('makes an image with the labels given, as a task that ends well', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  const labels = { 'ai.backend.customized-image.name': 'drv' };
  const { bgtask_id, ...reply } = await commit(node, [id, 'user_site'], {
    canonical: 'cr.local/kern/custom:1',
    extra_labels: labels,
  });
  expect(reply).toEqual({ kernel: id, path: null });
  expect(record(node, bgtask_id)).toMatchObject({ status: 'started' });
  await expect
    .poll(() => node.publishedByTasks(), { timeout: 5000 })
    .toContain(`bgtask_done ${JSON.stringify({ task: bgtask_id, message: '' })}`);
  expect(record(node, bgtask_id)).toMatchObject({ status: 'done' });
  expect(await node.fixture.kernels.engine.inspectImage('cr.local/kern/custom:1', signal)).toMatchObject({ labels });
  expect(node.services.redis.keys.get(`kernel.${id}.commit`)).toMatchObject({ expirySeconds: 13 });
});

it('makes a file, and says meanwhile that it does', async () => {
  const clock = new FakeClock();
  await using node = await RpcNode.start({ dummy: { clock } });
  const { id } = await node.kernel();
  using _slow = node.fixture.kernels.dummy.fail('commitContainer', { kind: 'delay', delayMs: 60_000 });
  const status = () => node.call('get_commit_status', id, 'user_site');
  expect(await status()).toEqual({ kernel: id, status: 'ready' });
  const { path } = await commit(node, [id, 'user_site'], { canonical: 'kernelet/base:latest', filename: 'a.tar.gz' });
  expect(path).toBe('user_site/a.tar.gz');
  await node.services.taskClock.advance(0);
  await expect.poll(status).toEqual({ kernel: id, status: 'ongoing' });
  await node.engineCalled('commitContainer');
  await clock.advance(60_000);
  await expect.poll(async () => (await node.publishedByTasks()).join(), { timeout: 5000 }).toContain('bgtask_done');
  expect(await status()).toEqual({ kernel: id, status: 'ready' });
  const file = await readFile(join(node.services.commitRoot, 'user_site', 'a.tar.gz'));
  expect(gunzipSync(file).toString()).toContain('archive of sha256:');
});

it('fails as a task, or refuses at once', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  using _broken = node.fixture.kernels.dummy.fail('commitContainer', { kind: 'error' });
  const { bgtask_id } = await commit(node, [id, 'user_site']);
  await expect
    .poll(async () => (await node.publishedByTasks()).join(), { timeout: 5000 })
    .toContain(`bgtask_failed {"task":"${bgtask_id}"`);
  expect(record(node, bgtask_id)).toMatchObject({ status: 'failed', msg: expect.stringContaining('planted failure') });
  await expect(commit(node, [unknownKernel, 'u'])).rejects.toThrow(`KeyError KeyError(UUID('${unknownKernel}'))`);
  await expect(node.call('get_commit_status', unknownKernel, 'u')).rejects.toThrow('KeyError');
  await expect(commit(node, [id, '../../etc'], { filename: 'x' })).rejects.toThrow('ValueError');
  await expect(commit(node, [id, 'u', 'positional'])).rejects.toThrow('TypeError');
});
