/** The installed watcher: its memory, what it mounts, and an agent of its own with kernels. */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { freePorts, ownFolder } from '../support/cluster/server-process.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { FakeSystemctl } from '../support/fake-systemctl.ts';
import { HangingFileSystem } from '../support/hanging-file-system.ts';
import { WatcherUnderTest } from '../support/watcher-under-test.ts';

const token = 'sesame-open-yourself';
const megabyte = 2 ** 20;
const patient = { timeout: 30_000 };
const ok = { status: 200, text: '{"result":"ok"}' };
const blank = { status: 200, text: '' };

describeCluster('the installed watcher', (services) => {
  /** One whose agent is a unit of a fake systemd, in a folder of its own. `mountPrefix`: the cluster's; there when absent. */
  async function watched(cleanups: AsyncDisposableStack, mountPrefix?: string) {
    const { path: folder } = cleanups.use(await ownFolder('watcher'));
    const systemctl = await FakeSystemctl.in(folder);
    const prefix = mountPrefix ?? path.join(folder, 'mnt');
    await mkdir(prefix, { recursive: true });
    await services.settle({ 'config/watcher/token': token, 'volumes/_mount': prefix });
    const [port = 0] = await freePorts(1);
    const configFile = path.join(folder, 'agent.toml');
    await writeFile(
      configFile,
      `[etcd]\nnamespace = "local"\naddr = "127.0.0.1:${services.etcd.port}"\n[agent]\nbackend = "docker"
rpc-listen-addr = "127.0.0.1:6001"\n[container]\nscratch-type = "hostdir"\n[watcher]\nservice-addr = "127.0.0.1:${port}"
[kernelet]\nvolume-file-systems = ["tmpfs"]\n`,
    );
    const environment = { PATH: `${systemctl.programs}:${process.env['PATH']}` };
    const watcher = await WatcherUnderTest.start({ folder, configFile, port, token, environment });
    return { folder, prefix, watcher: cleanups.use(watcher) };
  }

  it('has 45 MB of memory at most, also when it was asked for much', async () => {
    await using cleanups = new AsyncDisposableStack();
    const { watcher } = await watched(cleanups);
    const small = 45 * megabyte;
    await expect.poll(() => watcher.memory, patient).toBeLessThan(small);
    for (let times = 0; times < 300; times += 1) {
      expect((await watcher.ask('GET', '/')).status).toBe(200);
      expect((await watcher.ask('POST', '/mounts', { name: '..', fs_location: 'x'.repeat(10_000) })).status).toBe(400);
    }
    await expect.poll(() => watcher.memory, patient).toBeLessThan(small);
    expect(JSON.parse((await watcher.ask('GET', '/healthz')).text)).toMatchObject({ status: 'ok' });
    expect(await watcher.end('SIGTERM')).toBe(0);
    expect(watcher.log).not.toContain(token);
  });

  it('mounts and unmounts volumes for the machine, and keeps its table of file systems and what was in it', async () => {
    await using cleanups = new AsyncDisposableStack();
    const { watcher, prefix } = await watched(cleanups);
    const table = '# this machine\n//nas/a /mnt/a cifs noauto,password=hunter22 0 0';
    await writeFile(watcher.etc('fstab'), table);
    const volume = { name: 'v1', fs_location: 'kernelet-test', fs_type: 'tmpfs', options: 'size=1m', edit_fstab: true };
    const place = path.join(prefix, 'v1');
    expect(await watcher.ask('POST', '/mounts', volume)).toEqual(blank);
    expect(watcher.mountAt(place)).toMatch(/ rw,nosuid,nodev\b.* tmpfs kernelet-test /);
    expect(await watcher.ask('GET', '/mounts')).toEqual({ status: 200, text: JSON.stringify([place]) });
    expect(await watcher.ask('POST', '/mounts', volume)).toEqual(blank);
    const line = `kernelet-test ${place} tmpfs size=1m,nosuid,nodev 0 0\n`;
    expect(await readFile(watcher.etc('fstab'), 'utf8')).toBe(`${table}\n${line}`);
    expect(await readFile(watcher.etc('fstab.bak'), 'utf8')).toBe(table);
    expect((await watcher.ask('GET', '/fstab?fstab_path=/etc/fstab')).text).toBe(
      `# this machine\n//nas/a /mnt/a cifs noauto,password=[redacted] 0 0\n${line}`,
    );
    expect(await watcher.ask('DELETE', '/mounts', { name: 'v1', edit_fstab: true, fstab_path: null })).toEqual(blank);
    expect(await watcher.ask('GET', '/mounts')).toEqual({ status: 200, text: '[]' });
    expect(await readFile(watcher.etc('fstab'), 'utf8')).toBe(`${table}\n`);
    const refused = await watcher.ask('POST', '/mounts', { ...volume, fs_type: 'ext4', fs_location: '/dev/sda1' });
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('kernelet.volume-file-systems')]);
    const failed = await watcher.ask('POST', '/mounts', { ...volume, options: 'size=none' });
    expect([failed.status, failed.text]).toEqual([500, expect.stringMatching(/^mount: /)]);
  });

  it('a file system that hangs holds up what lies on it, and nothing else', async () => {
    await using cleanups = new AsyncDisposableStack();
    const { path: folder } = cleanups.use(await ownFolder('hanging'));
    const hanging = cleanups.use(await HangingFileSystem.mount(path.join(folder, 'dead')));
    const { watcher } = await watched(cleanups, hanging.data);
    expect(await watcher.ask('GET', '/mounts')).toEqual({ status: 200, text: '[]' });
    hanging.hang({ takes: true });
    const begun = performance.now();
    const listing = watcher.ask('GET', '/mounts');
    for (let times = 0; times < 5; times += 1) expect((await watcher.ask('GET', '/')).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(3_500);
    const { status, text } = await listing;
    expect([status, text]).toEqual([503, expect.stringContaining(`${folder}/dead`)]);
    expect(performance.now() - begun).toBeLessThan(9_500);
    expect((await watcher.ask('GET', '/metrics')).text).toContain('kernelet_watcher_hung_file_systems 1\n');
    hanging.goOn();
  });

  // @promise watcher
  it('keeps an agent of its own, whose kernels outlive its restarts, its end and that of the watcher', async () => {
    await using member = await Member.joined({
      id: 'i-supervised',
      etcdPort: services.etcd.port,
      stream: services.stream,
    });
    const kernel = await member.create();
    expect(await member.execute(kernel, 'x = 6 * 7')).toBe('');
    await member.endDaemon('SIGTERM');
    const [port = 0] = await freePorts(1);
    await services.settle({ 'config/watcher/token': token });
    const lines = `[watcher]\nservice-addr = "127.0.0.1:${port}"\nsoft-reset-available = true\n`;
    await appendFile(member.configFile, `${lines}[kernelet.watcher]\nsupervise = true\n`);
    const { folder, configFile, environment } = member;
    const options = { folder, configFile, port, token, environment };
    const remembers = async (): Promise<void> => {
      expect(await member.run(['exec', kernel.id, '-c', 'print(x)'])).toMatchObject({ status: 0, text: '42\n' });
    };
    const untilActive = async (watcher: WatcherUnderTest) => {
      await expect.poll(async () => (await watcher.agent()).state, { timeout: 60_000 }).toBe('active');
      return await watcher.agent();
    };
    const first = await WatcherUnderTest.start(options);
    let { pid } = await untilActive(first);
    await using cleanups = new AsyncDisposableStack();
    // What a failure of this test leaves would be in the way of the member's own end.
    cleanups.defer(() => endAgent(pid));
    await remembers();
    expect(await first.ask('POST', '/agent/restart')).toEqual(ok);
    const again = await first.agent();
    expect([again.state, again.pid === pid, again.restarts]).toEqual(['active', false, 0]);
    ({ pid } = again);
    await remembers();
    expect(await first.ask('POST', '/soft-reset')).toEqual(ok);
    await expect.poll(() => first.log, patient).toContain('the configuration has been read again');
    process.kill(again.pid ?? 0, 'SIGKILL');
    await expect.poll(async () => (await first.agent()).restarts, patient).toBe(1);
    ({ pid } = await untilActive(first));
    await first.end('SIGKILL');

    const second = cleanups.use(await WatcherUnderTest.start(options));
    expect((await untilActive(second)).pid).toBe(pid);
    await remembers();
    expect(await second.ask('POST', '/agent/stop')).toEqual(ok);
    expect(await second.agent()).toMatchObject({ state: 'inactive', pid: null });
    expect(await second.ask('POST', '/agent/start')).toEqual(ok);
    await remembers();
    ({ pid } = await second.agent());
    expect(await second.end('SIGTERM')).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });
});

const isAlive = (pid: number | null): boolean => {
  try {
    return pid !== null && process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function endAgent(pid: number | null): Promise<void> {
  if (isAlive(pid)) process.kill(pid ?? 0, 'SIGTERM');
  await expect.poll(() => isAlive(pid), patient).toBe(false);
}
