import { describe, expect, it } from 'vitest';
import { engineCall } from '../support/engine-api.ts';
import { eventually } from '../support/manager/eventually.ts';
import type { ManagedSession } from '../support/manager/sessions.ts';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-outages');

async function containerOf(session: ManagedSession): Promise<string> {
  return (await stage.agent.containerOf(await session.kernelId())).Id;
}

const endsBy = async (session: ManagedSession, reason: RegExp): Promise<void> => {
  const row = await session.untilStatus('TERMINATED');
  expect(row.containers[0]?.status_info).toMatch(reason);
};

describe.concurrent('a container', () => {
  it('that is killed from outside ends its session', async () => {
    await using session = await stage.session();
    await engineCall('POST', `/containers/${await containerOf(session)}/kill`);
    await endsBy(session, /^self-terminated$/);
  });

  it('that is removed from outside ends its session', async () => {
    await using session = await stage.session();
    await engineCall('DELETE', `/containers/${await containerOf(session)}?force=true`);
    await endsBy(session, /^container-not-found$/);
  });
});

describe('the agent', () => {
  // @promise found-again
  it('finds its sessions again after it was killed', async () => {
    await using session = await stage.session();
    await session.run('kept = "in memory"');
    await stage.agent.end('SIGKILL');
    await stage.agent.start();
    await stage.untilAgentIs('ALIVE');
    expect((await session.run('print(kept)')).stdout).toBe('in memory\n');
    await session.destroy();
  });

  // @promise stop-ends-nothing
  it('leaves sessions running when it is stopped', async () => {
    await using session = await stage.session();
    await session.run('kept = "in memory"');
    await stage.agent.end('SIGTERM');
    expect(await stage.agent.containerOf(await session.kernelId())).toMatchObject({ State: 'running' });
    await stage.untilAgentIs('TERMINATED');
    await stage.agent.start();
    await stage.untilAgentIs('ALIVE');
    expect((await session.run('print(kept)')).stdout).toBe('in memory\n');
    await session.destroy();
  });

  it('keeps a session when it is killed right after it made it', async () => {
    const made = (await stage.agent.log()).split('"create_kernels"').length;
    await using session = await stage.session({ enqueue_only: true });
    await eventually(async () => {
      if ((await stage.agent.log()).split('"create_kernels"').length === made) throw new Error('it is not made');
    }, 30);
    await stage.agent.end('SIGKILL');
    await stage.agent.start();
    await session.untilStatus('RUNNING', 90);
    expect((await session.run('print("runs")')).stdout).toBe('runs\n');
  });

  it('is lost when it is away for long, comes back, and reports what ended meanwhile', async () => {
    const [kept, gone] = await Promise.all([stage.session(), stage.session()]);
    await kept.run('kept = "in memory"');
    const container = await containerOf(gone);
    await stage.agent.end('SIGKILL');
    await engineCall('POST', `/containers/${container}/kill`);
    await stage.untilAgentIs('LOST', 75);
    await stage.agent.start();
    await stage.untilAgentIs('ALIVE');
    await endsBy(gone, /./);
    expect((await kept.run('print(kept)')).stdout).toBe('in memory\n');
    await kept.destroy();
  });
});

it('ends every kernel when the manager is frozen by force', async () => {
  await using session = await stage.session();
  await session.untilStatus('RUNNING');
  await stage.admin.call('manager', { method: 'freeze', options: { force_kill: true } });
  try {
    await eventually(async () => expect(await stage.agent.containers()).toEqual([]), 30);
  } finally {
    await stage.admin.call('manager', { method: 'unfreeze' });
  }
  await session.untilStatus('TERMINATED');
  await using next = await stage.session();
  expect((await next.run('print("on")')).stdout).toBe('on\n');
});
