import { expect, it } from 'vitest';
import { anySession, RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';

it('runs a session’s command once, and publishes how it ended', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  expect(await node.call('trigger_batch_execution', anySession, id, 'make all')).toBeNull();
  expect(await node.call('trigger_batch_execution', anySession, id, 'make all', 0)).toBeNull();
  const end = `session_success ${JSON.stringify({ session: anySession, reason: 'task-finished', exitCode: 0 })}`;
  await expect.poll(() => node.services.published).toEqual([end]);
  const asked = node.runner.requests.filter(({ method }) => method === 'execute');
  expect(asked).toMatchObject([{ params: { run: 'batch-job', request: { exec: 'make all', timeoutMs: null } } }]);
});

it('takes the time limit of later managers, and a command that failed', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  node.fixture.script = async function* () {
    yield [{ kind: 'finished', exitCode: 7, reason: 'exited' }];
  };
  expect(await node.call('trigger_batch_execution', anySession, id, '', 1.5)).toBeNull();
  await expect.poll(() => node.services.published.join()).toContain('session_failure {');
  expect(node.services.published.join()).toContain('"reason":"task-failed","exitCode":7');
  const { params } = node.runner.requests.find(({ method }) => method === 'execute') ?? {};
  expect(params).toMatchObject({ request: { exec: null, timeoutMs: 1500 } });
});

it('sets no limit that is longer than a timer', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  expect(await node.call('trigger_batch_execution', anySession, id, 'true', 1e9)).toBeNull();
  await expect.poll(() => node.services.published.join()).toContain('session_success');
  const { params } = node.runner.requests.find(({ method }) => method === 'execute') ?? {};
  expect(params).toMatchObject({ request: { timeoutMs: null } });
});

it('knows no kernel that is not here', async () => {
  await using node = await RpcNode.start();
  await expect(node.call('trigger_batch_execution', anySession, unknownKernel, 'true')).rejects.toThrow('KeyError');
  expect(node.services.published).toEqual([]);
});
