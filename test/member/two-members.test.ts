import { expect, it } from 'vitest';
import { EventWriter } from '../../src/backendai/redis/event-stream.ts';
import { encodeMsgpack } from '../../src/backendai/wire/msgpack/encode.ts';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { engineCall, engineGet } from '../support/engine-api.ts';

describeCluster('two members on one machine', (services) => {
  /** Ids of the containers with the label that other tools find an agent's kernels by. */
  const labelled = async (owner: string): Promise<readonly unknown[]> => {
    const filters = JSON.stringify({ label: [`ai.backend.owner=${owner}`] });
    const found = await engineGet(`/containers/json?all=true&filters=${encodeURIComponent(filters)}`);
    return (found as readonly { readonly Id: string }[]).map(({ Id }) => Id);
  };

  const joined = (id: string, portRange: readonly [number, number]): Promise<Member> =>
    Member.joined({ id, etcdPort: services.etcd.port, stream: services.stream, portRange });

  // @promise foreign-untouched
  it("never touch each other's containers", async () => {
    await using one = await joined('i-one', [30_200, 30_249]);
    const kept = await one.create();
    expect(await labelled('i-one')).toEqual([kept.info['container_id']]);
    {
      await using other = await joined('i-other', [30_250, 30_299]);
      const [first, second] = [await one.create(), await other.create()];
      // What one member's container does is none of the other's business, whoever notices it first.
      expect((await engineCall('POST', `/containers/${first.info['container_id']}/kill`)).status).toBe(204);
      await one.until('the end', async () => (await one.lifeOf(first)).includes('kernel_terminated'));
      await other.endDaemon('SIGKILL');
      await other.startDaemon();
      await other.untilLogged('member of the cluster');
      await other.call('sync_kernel_registry', [[second.id, second.session]]);
      expect(await other.lifeOf(first)).toEqual([]);
      expect(await other.execute(second, 'print(2)')).toBe('2\n');
      await other.call('clean_all_kernels', 'user-requested');
      expect(await one.execute(kept, 'print(3)')).toBe('3\n');
    }
    expect((await one.run(['ps', '--json'])).text).toContain('"running"');
  });

  it("never touch each other's containers when somebody has given them one id", async () => {
    await using one = await joined('i-same', [30_200, 30_249]);
    const kept = await one.create();
    {
      await using other = await joined('i-same', [30_250, 30_299]);
      const own = await other.create();
      expect(await labelled('i-same')).toHaveLength(2);
      for (const member of [other, one]) {
        await member.endDaemon('SIGKILL');
        await member.startDaemon();
        await member.untilLogged('member of the cluster');
      }
      expect((await other.run(['ps', '--json'])).text).not.toContain(kept.id);
      expect((await one.run(['ps', '--json'])).text).not.toContain(own.id);
      await other.call('clean_all_kernels', 'user-requested');
      expect(await labelled('i-same')).toEqual([kept.info['container_id']]);
    }
    expect(await one.execute(kept, 'print(3)')).toBe('3\n');
  });

  it('answer what everybody is asked', async () => {
    await using one = await joined('i-one', [30_200, 30_249]);
    const ask = async (group: string | null): Promise<void> => {
      const args = ['v1', 'vfs', 'user:1', 'nas:/v1', 'nfs', null, group, false, '/etc/fstab'];
      const event = { name: 'do_volume_mount', source: 'manager', args: encodeMsgpack(args) };
      await new EventWriter(services.stream).add(event);
    };
    await ask('another');
    await ask(null);
    await one.until('the answer', async () => (await one.events('volume_mounted')).length > 0);
    expect((await one.events('volume_mounted')).map(({ args }) => args)).toEqual([
      ['i-one', 'agent', '', 'user:1', null],
    ]);
  });
});
