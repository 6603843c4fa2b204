import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';
import { healthReport } from './health.ts';

it('says whether the engine answers, in both styles', async () => {
  await using node = await RpcNode.start();
  const good = {
    status: 'ok',
    version: '24.09.0',
    component: 'agent',
    connectivity: {
      overall_healthy: true,
      connectivity_checks: [
        {
          service_group: 'container-engine',
          component_id: 'container-engine',
          is_healthy: true,
          last_checked_at: expect.stringMatching(/^\d{4}-.*Z$/),
          error_message: null,
        },
      ],
      timestamp: expect.stringMatching(/Z$/),
    },
  };
  expect(await node.call('health')).toEqual(good);
  const styled = await node.client.call('health_v2', [], { req: {}, agent_id: 'i-test' });
  expect(styled.value).toEqual(good);
  expect((await node.client.call('health_v2', [], { agent_id: 'i-test' })).failure?.[0]).toBe('ValueError');
  expect((await node.client.call('health', [], { agent_id: 'i-other' })).failure?.[0]).toBe('AgentIdNotFoundError');
  using _down = node.fixture.kernels.dummy.fail('ping', { kind: 'error' });
  expect(await node.call('health')).toMatchObject({ status: 'error', connectivity: { overall_healthy: false } });
});

it('is degraded, not in error, without what only the cluster needs', () => {
  const checks = [
    { service: 'container-engine', at: 0, problem: null },
    { service: 'redis', at: 0, problem: 'connection refused' },
  ];
  expect(healthReport({ version: '1', checks }, [], 0)).toMatchObject({
    status: 'degraded',
    connectivity: {
      connectivity_checks: [{ is_healthy: true }, { is_healthy: false, error_message: 'connection refused' }],
    },
  });
});

// @promise degraded-told
it('is degraded, not in error, by what the node lacks, which it names', () => {
  const checks = [{ service: 'container-engine', at: 0, problem: null }];
  const degraded = [
    { mode: 'engine', since: 0, detail: 'it does not answer' },
    { mode: 'clock', since: 0, detail: 'it was set back' },
  ] as const;
  expect(healthReport({ version: '1', checks }, degraded, 0)).toMatchObject({
    status: 'degraded',
    connectivity: {
      overall_healthy: false,
      connectivity_checks: [{ is_healthy: true }, { component_id: 'clock', error_message: 'it was set back' }],
    },
  });
});
