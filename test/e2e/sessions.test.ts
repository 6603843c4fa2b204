import { readdir } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { engineGet } from '../support/engine-api.ts';
import { cpuOvercommit } from '../support/manager/agent.ts';
import { eventually } from '../support/manager/eventually.ts';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-sessions');
const gibibyte = 2 ** 30;

it('is alive with the slots of the machine', async () => {
  const row = await stage.untilAgentIs('ALIVE');
  expect(row.scaling_group).toBe('default');
  expect(row.available_slots['cpu']).toBe(String(availableParallelism() * cpuOvercommit));
  expect(Number(row.available_slots['mem'])).toBeCloseTo(totalmem() - gibibyte, -8);
  expect(row.occupied_slots).toMatchObject({ cpu: '0', mem: '0' });
});

// @promise unmodified-manager
describe.concurrent('a session', () => {
  it('is made, runs with its environment, and is ended', async () => {
    await using session = await stage.session({ envs: { GREETING: 'good day' } });
    expect(session).toMatchObject({ created: true, status: 'RUNNING' });
    const row = await session.untilStatus('RUNNING');
    expect(row.occupied_slots).toMatchObject({ cpu: '1', mem: '268435456' });
    const shown = await session.run(
      'import os; print(os.getcwd(), os.environ["GREETING"], os.environ["BACKENDAI_SESSION_ID"], os.getuid())',
    );
    expect(shown.stdout).toBe(`/home/work good day ${session.id} 1000\n`);
    const kernelId = await session.kernelId();
    expect((await stage.agent.containerOf(kernelId)).State).toBe('running');
    const ended = await session.destroy();
    expect(ended.status_info).toBe('user-requested');
    expect(ended.containers.map(({ status, status_info }) => [status, status_info])).toEqual([
      ['TERMINATED', 'user-requested'],
    ]);
    await expect(stage.agent.containerOf(kernelId)).rejects.toThrow('there is no container');
  });

  it('tells of its end as it happens', async () => {
    await using session = await stage.session();
    const told = session.call<readonly { event: string; data: { reason?: string } }[]>('events', {
      last: 'session_terminated',
    });
    await session.untilStatus('RUNNING');
    await session.destroy();
    const events = await told;
    expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(['kernel_terminated']));
    expect(events.find(({ event }) => event === 'kernel_terminated')?.data.reason).toBe('user-requested');
  });

  it('is found again by its name', async () => {
    await using session = await stage.session();
    await using again = await stage.session({ name: session.name });
    expect([again.id, again.created]).toEqual([session.id, false]);
    await expect(stage.session({ name: session.name, no_reuse: true })).rejects.toThrow(/409|already exists/i);
  });

  it('of two kernels has a network in which they know each other', async () => {
    await using session = await stage.session({ cluster_size: 2, cluster_mode: 'single-node' });
    const row = await session.untilStatus('RUNNING');
    expect(row.containers.map(({ cluster_hostname }) => cluster_hostname).sort()).toEqual(['main1', 'sub1']);
    const shown = await session.run(
      [
        'import os, socket',
        'names = ["HOST", "ROLE", "SIZE"]',
        'print(*(os.environ["BACKENDAI_CLUSTER_" + name] for name in names))',
        'print(sorted(os.environ["BACKENDAI_CLUSTER_HOSTS"].split(",")))',
        'print(socket.gethostname(), socket.gethostbyname("sub1") != socket.gethostbyname("main1"))',
        'print(socket.create_connection(("sub1", 2200), 5).recv(8))',
      ].join('\n'),
    );
    expect(shown.stdout).toBe("main1 main 2\n['main1', 'sub1']\nmain1 True\nb'SSH-2.0-'\n");
    const networks = async (): Promise<number> =>
      ((await engineGet('/networks')) as { Name: string }[]).filter(({ Name }) => Name.includes(session.id)).length;
    expect(await networks()).toBe(1);
    await session.destroy();
    await eventually(async () => expect(await networks()).toBe(0), 20);
  });

  it('runs a script before it starts', async () => {
    await using session = await stage.session({
      bootstrap_script: '#!/bin/sh\necho prepared > /home/work/prepared.txt\n',
    });
    expect((await session.run('print(open("/home/work/prepared.txt").read())')).stdout).toBe('prepared\n\n');
  });

  it('whose image nobody has is cancelled for that reason', async () => {
    await using session = await stage.session({ image: 'local/stable/gone:1.0-debian12', enqueue_only: true });
    const row = await session.untilStatus('CANCELLED');
    expect(row.status_info).toMatch(/failed-to-start|failed/);
    expect(JSON.stringify(row.status_data)).toMatch(/image/i);
  });

  it('that is ended while it is being made leaves nothing', async () => {
    await using session = await stage.session({ enqueue_only: true });
    await session.until(({ status }) => status !== 'PENDING' && status !== 'SCHEDULED');
    await session.askWith('destroy', { forced: true });
    await session.until(({ status }) => /^(TERMINATED|CANCELLED)$/.test(status));
    const kernelId = await session.kernelId();
    await eventually(async () => await expect(stage.agent.containerOf(kernelId)).rejects.toThrow('no container'), 20);
  });

  it('tells what its kernel uses', async () => {
    await using session = await stage.session();
    await session.run('sum(range(20_000_000))');
    const row = await session.until(
      ({ containers }) => Number(containers[0]?.live_stat?.['cpu_used']?.['current'] ?? 0) > 0,
    );
    const stat = row.containers[0]?.live_stat;
    expect(Number(stat?.['mem']?.['current'])).toBeGreaterThan(1_000_000);
    expect(Number(stat?.['mem']?.['capacity'])).toBeGreaterThan(100_000_000);
  });

  it('is committed to a file', async () => {
    await using session = await stage.session();
    await session.run('open("/tmp/kept.txt", "w").write("kept")');
    await session.ask('commit');
    await eventually(async () =>
      expect(await readdir(`${stage.agent.folder}/commit`, { recursive: true })).toEqual(
        expect.arrayContaining([expect.stringMatching(/\.tar\.gz$/)]),
      ),
    );
  });

  it('keeps its files over a restart, and nothing else', async () => {
    await using session = await stage.session();
    await session.run('kept = 1; open("kept.txt", "w").write("kept")');
    await session.ask('restart');
    await session.untilStatus('RUNNING');
    const shown = await session.run('print(open("kept.txt").read(), "kept" in globals())');
    expect(shown.stdout).toBe('kept False\n');
  });

  it('shows its log while it lives and after', async () => {
    await using session = await stage.session();
    await session.run('open("/proc/1/fd/1", "w") if False else print("said")');
    const logs = async (): Promise<string> => (await session.ask<{ result: { logs: string } }>('get_logs')).result.logs;
    const alive = await logs();
    expect(alive.length).toBeGreaterThan(0);
    await session.destroy();
    await eventually(async () => expect(await logs()).toContain(alive.trim().split('\n')[0]), 30);
  });
});

describe.concurrent('a batch session', () => {
  it('succeeds, and its log is kept', async () => {
    await using session = await stage.session({ type_: 'batch', startup_command: 'echo all done', enqueue_only: true });
    const row = await session.untilStatus('TERMINATED', 90);
    expect(row.result).toBe('SUCCESS');
    await eventually(async () => {
      const { result } = await session.ask<{ result: { logs: string } }>('get_logs');
      expect(result.logs).toContain('all done');
    }, 30);
  });

  it('fails with the status of its command', async () => {
    await using session = await stage.session({ type_: 'batch', startup_command: 'exit 3', enqueue_only: true });
    const row = await session.untilStatus('TERMINATED', 90);
    expect(row.result).toBe('FAILURE');
  });
});
