import { describe, expect, it } from 'vitest';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-curve', { curve: true });

describe.concurrent('with encrypted calls, a session', () => {
  it('is made, and executes code that asks', async () => {
    await using session = await stage.session();
    expect((await session.run('print(input("name? "))', ['me'])).stdout).toContain('me\n');
  });

  it('is restarted', async () => {
    await using session = await stage.session();
    await session.run('kept = 1; open("kept.txt", "w").write("kept")');
    await session.ask('restart');
    await session.untilStatus('RUNNING');
    expect((await session.run('print(open("kept.txt").read(), "kept" in globals())')).stdout).toBe('kept False\n');
  });

  it('is ended', async () => {
    await using session = await stage.session();
    expect((await session.destroy()).status_info).toBe('user-requested');
  });
});

describe('with encrypted calls, an agent', () => {
  it('finds its sessions again after it was killed', async () => {
    await using session = await stage.session();
    await session.run('kept = "in memory"');
    await stage.agent.end('SIGKILL');
    await stage.agent.start();
    await stage.untilAgentIs('ALIVE');
    expect((await session.run('print(kept)')).stdout).toBe('in memory\n');
  });
});
