/** What a service manager hears of the built daemon, and how real signals reach it, in a cluster. */
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { NotifyReceiver } from '../support/notify-receiver.ts';

describeCluster('a member under a service manager', (services) => {
  // @promise service-manager
  it('says when it is ready, how it is, that it lives, reloads and stops', async () => {
    using receiver = new NotifyReceiver(`@kernelet-test-${randomUUID()}`);
    await using member = await Member.joined({
      id: 'i-notifies',
      etcdPort: services.etcd.port,
      stream: services.stream,
      environment: { NOTIFY_SOCKET: receiver.address, WATCHDOG_USEC: '2000000' },
    });
    const ready = await receiver.until(/^READY=1$/);
    expect(
      receiver
        .heard()
        .slice(0, ready)
        .every((heard) => /^(STATUS=starting|EXTEND_TIMEOUT_USEC=\d+)$/.test(heard)),
    ).toBe(true);
    await receiver.until(/^STATUS=(recovering; )?0 kernels; container-engine, etcd, redis, state-disk answer$/, ready);
    const kernel = await member.create();
    await receiver.until(/^STATUS=1 kernel; /);
    const beats = (): number => receiver.heard().filter((heard) => heard === 'WATCHDOG=1').length;
    const before = beats();
    await sleep(6_000);
    expect(beats() - before).toBeGreaterThanOrEqual(4);

    const snapshot = await text(connect(path.join(member.folder, 'ipc', 'agent-registry-snapshot.sock')));
    expect(snapshot).not.toContain('a b=c');
    expect(JSON.parse(snapshot)).toMatchObject({
      status: { mode: 'cluster', agentId: 'i-notifies' },
      registry: { [kernel.id]: { phase: 'running', environ: expect.arrayContaining(['USER_VARIABLE']) } },
      connections: { checks: [{ problem: null }, { problem: null }, { problem: null }, { problem: null }] },
    });

    const configuration = await readFile(member.configFile, 'utf8');
    const changed = configuration
      .replace('[agent]', '[agent]\nscaling-group = "other"\nregion = "elsewhere"')
      .concat('[logging]\nlevel = "WARNING"\n');
    await writeFile(member.configFile, changed);
    process.kill(member.pid, 'SIGHUP');
    const reloading = await receiver.until(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    const again = await receiver.until(/^READY=1$/, reloading);
    expect(member.log).toContain('agent.region has changed');
    expect(member.log).not.toContain('the configuration has been read again');
    expect(member.log).not.toContain('agent.scaling-group has changed');
    await member.until('a heartbeat with the new group', async () =>
      (await member.events('agent_heartbeat')).some(({ args: [info] }) => JSON.stringify(info).includes('"other"')),
    );
    expect(await member.execute(kernel, 'print(6 * 7)')).toBe('42\n');

    await writeFile(member.configFile, changed.replace('WARNING', 'INFO'));
    process.kill(member.pid, 'SIGHUP');
    await receiver.until(/^READY=1$/, again + 1);
    expect(member.log).toContain('the configuration has been read again');

    const { status } = await member.endDaemon('SIGINT');
    expect(status).toBe(0);
    const stopping = await receiver.until(/^STOPPING=1\nSTATUS=stopping$/, reloading);
    expect(receiver.heard().slice(stopping)).not.toContain('WATCHDOG=1');
    expect((await member.events()).at(-1)).toMatchObject({ name: 'agent_terminated', args: ['shutdown'] });
  });
});
