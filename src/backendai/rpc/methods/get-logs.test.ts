import { expect, it } from 'vitest';
import { FakeAgent } from '../../../../test/support/fake-agent.ts';
import { RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';
import { rpcServices } from '../../../../test/support/rpc-services.ts';
import { silentLogger } from '../../../lib/log.ts';
import { getLogs } from './get-logs.ts';

it('joins the pieces before it reads them as text', async () => {
  await using agent = await FakeAgent.start();
  const { id } = await agent.create(
    { image: 'debian', environ: {}, mounts: [], publish: [], interpreter: 'lazy' },
    AbortSignal.timeout(1000),
  );
  const [first, second] = [Buffer.from('ä').subarray(0, 1), Buffer.from('ä').subarray(1)];
  agent.logPieces = [
    { stream: 'stdout', data: first },
    { stream: 'stdout', data: second },
    { stream: 'stderr', data: Uint8Array.of(0xff) },
  ];
  const call = { services: rpcServices({ agent }), signal: AbortSignal.timeout(1000), log: silentLogger };
  expect(await getLogs.handle({ kernel_id: id }, call)).toEqual({ logs: 'ä�' });
});

it('reads the container’s log', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  expect(await node.call('get_logs', id)).toMatchObject({ logs: expect.any(String) });
  await expect(node.call('get_logs', unknownKernel)).rejects.toThrow('KeyError');
});
