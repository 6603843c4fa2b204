import { expect, it } from 'vitest';
import type { MsgpackValue } from '../../src/backendai/wire/msgpack/value.ts';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';

describeCluster('a member of a cluster', (services) => {
  const joined = (id: string): Promise<Member> =>
    Member.joined({ id, etcdPort: services.etcd.port, stream: services.stream });

  it('joins, says so in order, and sends heartbeats on time', async () => {
    await using member = await joined('i-joins');
    expect(await services.keys()).toMatchObject({
      '/sorna/local/nodes/agents/i-joins/': 'running',
      '/sorna/local/nodes/agents/i-joins/ip': '127.0.0.1',
    });
    await member.until('two events', async () => (await member.events()).length >= 2);
    expect((await member.events()).slice(0, 2)).toMatchObject([
      {
        name: 'agent_heartbeat',
        args: [
          {
            addr: `tcp://127.0.0.1:${member.rpcPort}`,
            public_key: null,
            scaling_group: 'default',
            region: 'local',
            resource_slots: { cpu: ['count', expect.stringMatching(/^\d+$/)], mem: ['bytes', expect.anything()] },
          },
        ],
      },
      { name: 'agent_started', args: ['self-started'] },
    ]);
    await member.until('five heartbeats', async () => (await member.events('agent_heartbeat')).length >= 5);
    const beats = (await member.events('agent_heartbeat')).map(({ at }) => at);
    const gaps = beats.slice(1).map((at, index) => at - (beats[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(2300);
    expect(await services.statistics.call(['HKEYS', 'computer.metadata'])).toHaveLength(2);
    await member.until(
      'figures of the node',
      async () => (await services.statistics.call(['GET', member.id])) !== null,
    );
    const { status, ms } = await member.endDaemon('SIGTERM');
    expect([status, ms < 4000]).toEqual([0, true]);
    expect((await member.events()).at(-1)).toMatchObject({ name: 'agent_terminated', args: ['shutdown'] });
    expect(await services.keys()).toMatchObject({ '/sorna/local/nodes/agents/i-joins/': 'stopped' });
  });

  it('creates, runs and ends a kernel for its manager', async () => {
    await using member = await joined('i-works');
    const kernel = await member.create();
    expect(kernel.info).toMatchObject({
      id: kernel.id,
      kernel_host: '127.0.0.1',
      agent_addr: `tcp://127.0.0.1:${member.rpcPort}`,
      container_id: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(await member.execute(kernel, 'print(6 * 7)')).toBe('42\n');
    await member.destroy(kernel);
    const life = ['kernel_preparing', 'kernel_creating', 'kernel_started', 'kernel_terminated'];
    await member.until('the end', async () => (await member.lifeOf(kernel)).length >= life.length);
    expect(await member.lifeOf(kernel)).toEqual(life);
    const [, started] = [await member.events('kernel_started'), (await member.events('kernel_started')).at(-1)];
    expect(started?.args.slice(0, 2)).toEqual([kernel.id, kernel.session]);
    expect(started?.args[3]).toMatchObject({ container_id: kernel.info['container_id'] });
  });

  // @promise stop-ends-nothing
  it.each(['SIGTERM', 'SIGKILL'] as const)('leaves kernels running over %s and goes on with them', async (signal) => {
    await using member = await joined(`i-${signal.toLowerCase()}`);
    const kernel = await member.create();
    await member.execute(kernel, 'kept = 41');
    await member.endDaemon(signal);
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    expect(await member.execute(kernel, 'print(kept + 1)')).toBe('42\n');
    expect(await member.lifeOf(kernel)).toEqual(['kernel_preparing', 'kernel_creating', 'kernel_started']);
    const started = await member.events('agent_started');
    expect(started).toHaveLength(2);
    expect(await member.events('agent_terminated')).toHaveLength(signal === 'SIGTERM' ? 1 : 0);
  });

  it('shows everything to its own node, and leaves the lives of kernels to the manager', async () => {
    await using member = await joined('i-managed');
    const kernel = await member.create();
    expect((await member.run(['ps'])).text).toContain(kernel.id.slice(0, 8));
    expect((await member.run(['exec', kernel.id, '-c', 'print(1)'])).text).toBe('1\n');
    for (const command of [
      ['rm', kernel.id],
      ['restart', kernel.id],
      ['create', '--lang', 'python'],
    ]) {
      const { status, stderr } = await member.run(command);
      expect([status, stderr]).toEqual([125, expect.stringContaining('member of a cluster, which decides')]);
    }
    expect((await member.run(['restart', '--force', kernel.id])).status).toBe(0);
    expect((await member.run(['rm', '--force', kernel.id])).status).toBe(0);
    await member.until('the end', async () => (await member.lifeOf(kernel)).includes('kernel_terminated'));
  });

  it('moves to another scaling group for good, and says so at once', async () => {
    await using member = await joined('i-moves');
    expect(await member.call('update_scaling_group', 'gpu')).toBeNull();
    const group = async (): Promise<unknown> => {
      const [info] = (await member.events('agent_heartbeat')).at(-1)?.args ?? [];
      return (info as { readonly [key: string]: MsgpackValue })['scaling_group'];
    };
    await member.until('a heartbeat from the new group', async () => (await group()) === 'gpu', 1000);
    await member.endDaemon('SIGKILL');
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    expect(await group()).toBe('gpu');
  });
});
