import { expect, it } from 'vitest';
import { FakeAgent } from '../../../../test/support/fake-agent.ts';
import { RpcNode } from '../../../../test/support/rpc-node.ts';
import { rpcServices } from '../../../../test/support/rpc-services.ts';
import { silentLogger } from '../../../lib/log.ts';
import { gatherHwinfo } from './gather-hwinfo.ts';

it('is empty where no device knows its hardware, as on a node without accelerators', async () => {
  await using node = await RpcNode.start();
  expect(await node.call('gather_hwinfo')).toEqual({});
});

it('has exactly the keys that managers check', async () => {
  await using agent = await FakeAgent.start();
  const cuda = { status: 'healthy', status_info: null, metadata: { driver: '1' } } as const;
  agent.resources = async () => ({ slots: [], devices: [], plugins: {}, metadata: {}, hardware: { cuda } });
  const call = { services: rpcServices({ agent }), signal: AbortSignal.timeout(1000), log: silentLogger };
  expect(gatherHwinfo.signature.result.parse(await gatherHwinfo.handle({}, call))).toEqual({ cuda });
});
