import { expect, it } from 'vitest';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-agent');

it('is asked for its hardware, of which it knows nothing that is not a device', async () => {
  const { agent } = await stage.admin.call<{ agent: { hardware_metadata: string } }>('query', {
    query: 'query($id: String!) { agent(agent_id: $id) { hardware_metadata } }',
    variables: { id: stage.agent.id },
  });
  expect(JSON.parse(agent.hardware_metadata)).toEqual({});
});

it('moves to another scaling group, stays there over a restart, and comes back', async () => {
  const move = async (group: string): Promise<void> => {
    const { modify_agent: outcome } = await stage.admin.call<{ modify_agent: { ok: boolean } }>('query', {
      query: `mutation($id: String!, $group: String!) {
        modify_agent(id: $id, props: { schedulable: true, scaling_group: $group }) { ok msg }
      }`,
      variables: { id: stage.agent.id, group },
    });
    expect(outcome.ok).toBe(true);
  };
  await move('other');
  await stage.agent.end('SIGTERM');
  await stage.untilAgentIs('TERMINATED');
  await stage.agent.start();
  expect((await stage.untilAgentIs('ALIVE')).scaling_group).toBe('other');
  await move('default');
  expect((await stage.untilAgentIs('ALIVE')).scaling_group).toBe('default');
  await using session = await stage.session();
  expect((await session.run('print("in")')).stdout).toBe('in\n');
});
