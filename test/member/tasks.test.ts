import { spawnSync } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { decodePlain } from '../../src/backendai/wire/extension.ts';
import type { MsgpackValue } from '../../src/backendai/wire/msgpack/value.ts';
import { Member, type OrderedKernel } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { entriesOf } from '../support/cluster/stream.ts';
import { kernelConfigFixture } from '../support/create-kernels-request.ts';
import { connectTestEngine, within } from '../support/engine.ts';
import { startRegistry } from '../support/registry.ts';

const tiny = 'kernelet/base:latest';

describeCluster('what goes on after a manager’s call', (services) => {
  const joined = (id: string): Promise<Member> =>
    Member.joined({ id, etcdPort: services.etcd.port, stream: services.stream });
  const text = (reply: unknown): string => String(reply);

  /** The event of a task's end, which managers find under their own name. */
  const endOf = async (member: Member, task: string): Promise<readonly [name: string, message: MsgpackValue]> => {
    const found: [string, MsgpackValue][] = [];
    await member.until('the end of a task', async () => {
      for (const { name, source, args } of await entriesOf(services.stream)) {
        const [id, message = null] = decodePlain(Buffer.from(args, 'hex')) as readonly MsgpackValue[];
        if (source === 'manager' && id === task && /^bgtask_(done|failed|cancelled)$/.test(name))
          found.push([name, message]);
      }
      return found.length > 0;
    });
    return found[0] ?? ['none', null];
  };
  const recordOf = async (task: string): Promise<Record<string, string>> => {
    const flat = ((await services.stream.call(['HGETALL', `bgtask.${task}`])) as readonly Buffer[]).map(String);
    return Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : [])));
  };
  const begun = (reply: MsgpackValue): string => (reply as { readonly bgtask_id: string }).bgtask_id;

  it('keeps a container’s log in Redis before the container goes', async () => {
    await using member = await joined('i-logs');
    const kernel = await member.create({}, tiny);
    await member.call('trigger_batch_execution', kernel.session, kernel.id, 'echo from the batch run; echo ä >&2');
    await member.until('the end of the run', async () => (await member.events('session_success')).length === 1);
    expect(await member.call('get_logs', kernel.id)).toMatchObject({
      logs: expect.stringContaining('from the batch run'),
    });
    await member.destroy(kernel);
    const container = text(kernel.info['container_id']);
    const [event, ...others] = await member.events('do_sync_kernel_logs');
    expect([event?.args, others]).toEqual([[kernel.id, container], []]);
    const chunks = (await services.stream.call([
      'LRANGE',
      `containerlog.${container}`,
      '0',
      '-1',
    ])) as readonly Buffer[];
    expect(Buffer.concat(chunks).toString()).toMatch(/from the batch run[\s\S]*ä/);
    expect(await services.stream.call(['TTL', `containerlog.${container}`])).toBeGreaterThan(3500);
    const names = (await member.events()).map(({ name }) => name);
    expect(names.indexOf('do_sync_kernel_logs')).toBeLessThan(names.indexOf('kernel_terminated'));
  });

  const batch = async (member: Member, code: string, ...more: MsgpackValue[]): Promise<OrderedKernel> => {
    const kernel = await member.create({}, tiny);
    await member.call('trigger_batch_execution', kernel.session, kernel.id, code, ...more);
    return kernel;
  };
  const batchEnds = async (member: Member) =>
    (await member.events())
      .filter(({ name }) => /^session_/.test(name))
      .map(({ name, args }) => [name, ...args.slice(1)]);

  it('tells how batch sessions end, each once, and goes on over the agent’s death', async () => {
    await using member = await joined('i-batch');
    await batch(member, 'exit 3');
    await member.until('a failure', async () => (await batchEnds(member)).length === 1);
    await batch(member, 'sleep 60', 1.5);
    await member.until('a time-out', async () => (await batchEnds(member)).length === 2, 60_000);
    const slow = await batch(member, 'sleep 4; echo done > /home/work/done');
    await member.until('its begin', async () => (await member.events('execution_started')).length === 3);
    await member.endDaemon('SIGKILL');
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    await member.until('a success', async () => (await batchEnds(member)).length === 3);
    const lost = await batch(member, 'sleep 60');
    await member.until('its begin', async () => (await member.events('execution_started')).length === 4);
    spawnSync('docker', ['kill', text(lost.info['container_id'])], { stdio: 'ignore' });
    await member.until('the loss', async () => (await member.lifeOf(lost)).includes('kernel_terminated'));
    expect(await batchEnds(member)).toEqual([
      ['session_failure', 'task-failed', 3],
      ['session_failure', 'task-timeout', -2],
      ['session_success', 'task-finished', 0],
      ['session_failure', 'task-failed', 137],
    ]);
    const names = (await member.events()).filter(({ args }) => args[0] === lost.session || args[0] === lost.id);
    expect(names.map(({ name }) => name).slice(-3)).toEqual([
      'do_sync_kernel_logs',
      'session_failure',
      'kernel_terminated',
    ]);
    expect(await member.call('download_single', slow.id, 'done')).toEqual(Buffer.from('done\n'));
  });

  // @promise orders-finished
  it('tells of each batch session once, whenever the agent dies', async () => {
    await using member = await joined('i-batch-kills');
    const lengths = [0.5, 1.5, 3, 5];
    const kernels: OrderedKernel[] = [];
    for (const seconds of lengths) kernels.push(await batch(member, `sleep ${seconds}; exit ${seconds > 2 ? 4 : 0}`));
    for (let kill = 0; kill < 4; kill += 1) {
      await sleep(Math.random() * 1500);
      await member.endDaemon('SIGKILL');
      await member.startDaemon();
      await member.untilLogged('member of the cluster');
    }
    const ends = async () => (await member.events()).filter(({ name }) => name.startsWith('session_'));
    await member.until('all ends', async () => (await ends()).length >= lengths.length);
    // What would come twice comes with the next start.
    await member.endDaemon('SIGTERM');
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    const told = (await ends()).map(({ name, args: [session] }) => `${session} ${name}`);
    const wanted = kernels.map(({ session }, at) => `${session} session_${at < 2 ? 'success' : 'failure'}`);
    expect(told.toSorted()).toEqual(wanted.toSorted());
  });

  it('commits a kernel into an image, and into a file that an engine can load', async () => {
    await using member = await joined('i-commit');
    const kernel = await member.create({}, tiny);
    const canonical = `kernelet-test/committed:${kernel.id.slice(0, 8)}`;
    const labels = { 'ai.backend.customized-image.name': 'a "quoted" $name' };
    const call = async (kwargs: Record<string, MsgpackValue>): Promise<string> => {
      const { value, failure } = await member.client.call('commit', [kernel.id, 'user_site'], kwargs);
      if (failure) throw new Error(failure.join(' '));
      return begun(value);
    };
    const asImage = await call({ canonical, extra_labels: labels });
    expect(await endOf(member, asImage)).toEqual(['bgtask_done', '']);
    expect(await recordOf(asImage)).toMatchObject({ status: 'done' });
    const [status, left] = await services.statistics.send([
      ['GET', `kernel.${kernel.id}.commit`],
      ['TTL', `kernel.${kernel.id}.commit`],
    ]);
    expect([text(status), Number(left) <= 13]).toEqual(['ongoing', true]);
    await using engine = await connectTestEngine();
    const image = await engine.inspectImage(canonical, within(30_000));
    expect(image.labels).toMatchObject({ ...labels, 'ai.kernelet.proof': '', 'ai.backend.kernel-id': '' });
    const base = await engine.inspectImage(tiny, within(30_000));
    const asFile = await call({ canonical: tiny, filename: 'a.tar.gz', extra_labels: {} });
    expect(await endOf(member, asFile)).toEqual(['bgtask_done', '']);
    expect((await engine.inspectImage(tiny, within(30_000))).id).toBe(base.id);
    const file = path.join(member.folder, 'commit', 'user_site', 'a.tar.gz');
    expect((await stat(file)).size).toBeGreaterThan(1000);
    expect(await readdir(path.dirname(file))).toEqual(['a.tar.gz']);
    // The engine pauses containers for that, which nobody is told of.
    const { text: told } = await member.run(['events', '--json']);
    expect(told).toContain('kernel-started');
    expect(told).not.toMatch(/kernel-paused|kernel-resumed/);
    const loaded = spawnSync('docker', ['load', '-i', file], { encoding: 'utf8' });
    const [, id = ''] = /Loaded image ID: (sha256:[0-9a-f]{64})/.exec(loaded.stdout) ?? [];
    // A kernel of the committed image runs.
    const again = await member.create({}, canonical);
    await member.destroy(again);
    for (const left of [id, canonical]) await engine.removeImage(left, { force: true }, within(30_000));
    const second = await call({ filename: 'a.tar.gz' });
    expect(await endOf(member, second)).toEqual(['bgtask_failed', expect.stringContaining('already')]);
  });

  it('pushes an image, and says when it cannot', async () => {
    await using registry = await startRegistry('secret');
    await using member = await joined('i-push');
    await using engine = await connectTestEngine();
    const [host] = [registry.host];
    const reference = { registry: host, project: 'p', name: 'base', tag: '1', architecture: 'x86_64', is_local: false };
    const canonical = `${host}/p/base:1`;
    await engine.tagImage(tiny, canonical, within(30_000));
    const push = async (password: string, name = host) =>
      begun(
        await member.call(
          'push_image',
          { ...reference, registry: name },
          { name, url: `http://${name}`, username: 'u', password },
        ),
      );
    expect((await endOf(member, await push('wrong')))[0]).toBe('bgtask_failed');
    expect(await endOf(member, await push('secret'))).toEqual(['bgtask_done', '']);
    expect([...registry.manifests.keys()]).toEqual(['p/base:1']);
    const unreachable = '127.0.0.1:1';
    await engine.tagImage(tiny, `${unreachable}/p/base:1`, within(30_000));
    const [name, message] = await endOf(member, await push('secret', unreachable));
    expect([name, message]).toEqual(['bgtask_failed', expect.stringContaining('could not be pushed')]);
    expect(await recordOf(await push('wrong'))).toMatchObject({ status: 'started' });
    expect(member.log).not.toContain('secret');
    const purged = await member.call(
      'purge_images',
      [canonical, `${unreachable}/p/base:1`, 'kernelet-test/none:1'],
      false,
      false,
    );
    expect(purged).toMatchObject({ responses: [{ error: null }, { error: null }, { error: expect.any(String) }] });
    await expect(engine.inspectImage(canonical, within(30_000))).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    // The engine has it no more, so a manager that asks for it ahead of a session has it fetched.
    const config = (password: string) => ({
      ...(kernelConfigFixture()['image'] as object),
      canonical,
      registry: { name: host, url: `http://${host}`, username: 'u', password },
    });
    const pull = async (password: string): Promise<string> => {
      const reply = await member.call('check_and_pull', { [canonical]: config(password) });
      const [task = ''] = Object.values(reply as Record<string, string>);
      return [8, 12, 16, 20].reduceRight((id, at) => `${id.slice(0, at)}-${id.slice(at)}`, task);
    };
    expect((await endOf(member, await pull('wrong')))[0]).toBe('bgtask_failed');
    expect(await endOf(member, await pull('secret'))).toEqual(['bgtask_done', '']);
    expect((await engine.inspectImage(canonical, within(30_000))).id).toBe(
      (await engine.inspectImage(tiny, within(30_000))).id,
    );
    const pulls = (await member.events()).filter(({ name: event }) => event.startsWith('image_pull_'));
    expect(pulls.map(({ name: event, args }) => [event, args[0], args[1]])).toEqual([
      ['image_pull_started', canonical, member.id],
      ['image_pull_failed', canonical, member.id],
      ['image_pull_started', canonical, member.id],
      ['image_pull_finished', canonical, member.id],
    ]);
    await engine.removeImage(canonical, { force: false }, within(30_000));
  });

  // @promise calls-answered
  it('says how it is, and what hangs does not keep it from that', async () => {
    await using member = await joined('i-health');
    expect(await member.call('health')).toMatchObject({
      status: 'ok',
      connectivity: { overall_healthy: true, connectivity_checks: [{}, {}, {}, {}] },
    });
    const kernel = await member.create({}, tiny);
    services.redis.process.freeze();
    try {
      expect(await member.call('health')).toMatchObject({ status: 'degraded' });
      const begun = performance.now();
      await member.destroy(kernel);
      expect(performance.now() - begun).toBeLessThan(15_000);
      expect(member.log).toContain('the log of an ended kernel is lost to managers');
    } finally {
      services.redis.process.thaw();
    }
    await member.until('its health', async () => JSON.stringify(await member.call('health')).includes('"ok"'));
    await member.until('the end', async () => (await member.lifeOf(kernel)).includes('kernel_terminated'));
    expect(await member.events('do_sync_kernel_logs')).toEqual([]);
  });

  it('keeps an end quiet over the agent’s death', async () => {
    await using member = await joined('i-quiet');
    const kernel = await member.create({}, tiny);
    const told = await member.create({}, tiny);
    void member.client.call('destroy_kernel', [kernel.id, kernel.session, 'failed-to-start', true]);
    void member.client.call('destroy_kernel', [told.id, told.session, 'user-requested', false]);
    await member.until('the note', async () => (await readdir(path.join(member.stateDir, 'quiet'))).length === 1);
    await member.endDaemon('SIGKILL');
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    await member.destroy(told);
    await member.destroy(kernel);
    await member.until('the end', async () => (await member.lifeOf(told)).includes('kernel_terminated'));
    const ends = (await member.events('kernel_terminated')).map(({ args }) => [args[0], args[2]]);
    expect(ends).toContainEqual([told.id, 'user-requested']);
    expect(ends).not.toContainEqual([kernel.id, 'failed-to-start']);
  });
});
